"""When does label smoothing help, and what does it cost?

Claim    The statements of the paper on image classifiers, S1 to S11 and S13 to S17, those of the literature after it,
         S18 to S20, and this project's own questions, each by the study that has its networks; all of them judged as
         one family. 10 paired seeds each. With --data, on other images.
Cost     The sum of its studies: about 1,000 trainings, a quarter of an hour and a gigabyte of disk on 2 cores.
         No download, no GPU.
Command  smoothlab study paper
"""

from ..lab import Suite

suite = Suite("paper", ("penultimate", "calibration", "distillation", "information", "costs", "noise"))
