"""What a reader needs to know, in English and Korean: the rule, the layer, calibration, the teacher, and common errors.

The project began from two Korean texts, one on the loss and one on the paper; where they, or the paper itself, slip,
the lesson has it right. Every number in a sentence is computed where it stands.

Sources: Szegedy et al. 2016, sec. 7, arXiv:1512.00567; Mueller, Kornblith, Hinton 2019, arXiv:1906.02629; Guo et al.
2017, arXiv:1706.04599
"""

import numpy as np
from jaxtyping import Float

from ..measures import ideal_gap
from ..targets import Convention, effective_alpha, smooth_labels
from .figures import draw_target, draw_temperature
from .page import Section

ALPHA = 0.1


def lessons(
    logits: Float[np.ndarray, " classes"], label: int, classes: tuple[str, ...]
) -> tuple[Section, ...]:
    """The lessons with their two figures, which show one example of the reader's own data: its logits and its label.

    >>> import numpy as np
    >>> from smoothlab.report.lessons import lessons
    >>> sections = lessons(np.array([3.0, 1.0, 0.0]), 0, ("shirt", "coat", "boot"))
    >>> all(section.korean for section in sections)
    True
    """
    return (
        _rule(label, classes),
        _layer(len(classes)),
        _calibration(logits, classes),
        _teachers(),
        _errors(),
    )


def _rule(label: int, classes: tuple[str, ...]) -> Section:
    own, other = smooth_labels(np.array([0]), classes=4, alpha=ALPHA)[0, :2]
    twin = effective_alpha(ALPHA, classes=4, convention=Convention.OTHERS)
    return Section(
        "The rule",
        (
            "Label smoothing asks a network for (1 − α) y + α/K in place of the one-hot label y: every class "
            f"gets α/K, the label's own among them. With K = 4 and α = {ALPHA:g} that is {own:g} for the label "
            f"and {other:g} for each other class.",
            "Its cross entropy is (1 − α) H(y, p) + α H(u, p) with u uniform: the old loss, and a penalty on "
            "the probabilities that are small. It is never 0, so report losses without smoothing.",
            "Some code shares α among the K − 1 other classes alone. That is another rule: at K = 4, α = "
            f"{ALPHA:g} there is α = {twin:.4f} here. So a stored result names its convention.",
        ),
        (draw_target(label, classes=classes),),
        korean=(
            "레이블 스무딩은 원-핫 레이블 y 대신 (1 − α) y + α/K를 목표로 준다. 정답 클래스까지 포함해 모든 "
            f"클래스가 α/K를 받는다. K = 4, α = {ALPHA:g}이면 정답은 {own:g}, 나머지는 각각 {other:g}이다.",
            "이때 교차 엔트로피는 (1 − α) H(y, p) + α H(u, p)이다(u는 균등 분포). 원래 손실에 작은 확률에 "
            "대한 벌점을 더한 셈이며 0이 되지 않으므로, 손실을 보고할 때는 스무딩을 끄고 잰 값을 쓴다.",
            "α를 정답을 뺀 K − 1개 클래스에만 나누는 코드도 있다. 이것은 다른 규칙이다. K = 4일 때 그쪽의 α = "
            f"{ALPHA:g}은 이쪽의 α = {twin:.4f}과 같다. 그래서 결과에는 어떤 규약인지 함께 적는다.",
        ),
    )


def _layer(classes: int) -> Section:
    gap = ideal_gap(ALPHA, classes)
    return Section(
        "What the last layer sees",
        (
            "p is the softmax output; w_k, the weights and the bias of class k in the last layer, is the "
            "template of that class. Since |x − w_k|² = |x|² − 2 x·w_k + |w_k|² and |x|² is the same for "
            "every class, a logit says how near the penultimate activation x lies to a template.",
            "A hard label pushes the right logit up without end. A smoothed one wants one gap to every wrong "
            f"class: log(K (1 − α)/α + 1), which is {gap:.2f} at K = {classes} and α = {ALPHA:g}. So an "
            "example is drawn to its own template and held equally far from all others. What is fixed is this "
            "gap of logits; α/K is a probability and no distance.",
            "Two similar classes therefore lie on an arc about the template of a third, and the continuum "
            "between them thins out.",
        ),
        korean=(
            "p는 소프트맥스의 출력이다. 마지막 층에서 클래스 k의 가중치와 편향을 합친 w_k가 그 클래스의 "
            "템플릿이다. |x − w_k|² = |x|² − 2 x·w_k + |w_k|²이고 |x|²은 모든 클래스에 공통이므로, 로짓은 "
            "마지막에서 두 번째 층의 활성값 x가 템플릿에 얼마나 가까운지를 말해 준다.",
            "하드 레이블은 정답 로짓을 끝없이 키운다. 스무딩한 레이블은 모든 오답 클래스와의 로짓 차이가 "
            f"log(K (1 − α)/α + 1)로 같기를 바란다. K = {classes}, α = {ALPHA:g}이면 {gap:.2f}이다. 그래서 각 "
            "예제는 자기 템플릿에 가까워지고 나머지 모든 템플릿에서는 같은 거리만큼 떨어진다. 일정한 것은 이 "
            "로짓 차이이다. α/K는 확률이지 거리가 아니다.",
            "그 결과 비슷한 두 클래스는 제3의 클래스 템플릿을 중심으로 한 호 위에 놓이고, 둘을 잇던 연속체는 "
            "옅어진다.",
        ),
    )


def _calibration(logits: Float[np.ndarray, " classes"], classes: tuple[str, ...]) -> Section:
    ceiling = 1 - ALPHA + ALPHA / len(classes)
    return Section(
        "Calibration and temperature",
        (
            "A network is calibrated if, among its predictions of 90 %, nine in ten are right, for hard "
            "labels and smoothed ones alike. A network that fits smoothed labels perfectly never says more "
            f"than 1 − α + α/K, which is {ceiling:g} here at α = {ALPHA:g}: where it is right more often than "
            "that, smoothing makes it underconfident.",
            "Temperature scaling divides the logits by one number T, fitted on validation data, never on test "
            "data. A larger T smooths the distribution, a smaller one sharpens it. It changes no prediction "
            "and costs nothing.",
        ),
        (draw_temperature(logits, classes=classes),),
        korean=(
            "90 %라고 말한 예측 가운데 열에 아홉이 맞으면 보정된 모델이다. 하드 레이블이든 스무딩한 "
            "레이블이든 기준은 같다. 스무딩한 레이블을 완벽하게 맞춘 모델의 확신은 1 − α + α/K를 넘지 않는다. "
            f"여기서 α = {ALPHA:g}이면 {ceiling:g}이다. 정답률이 그보다 높다면 스무딩은 모델을 과소 확신하게 "
            "만든다.",
            "온도 조정은 로짓을 수 하나 T로 나눈다. T는 검증 데이터에서 고르며 시험 데이터에서 고르지 않는다. "
            "T가 크면 분포가 부드러워지고 T가 작으면 뾰족해진다. 예측은 바뀌지 않고 비용도 들지 않는다.",
        ),
    )


def _teachers() -> Section:
    return Section(
        "Teachers",
        (
            "A student that learns from a teacher's probabilities learns how classes resemble each other, "
            "example by example. Smoothing asks the teacher to hold all wrong classes equally far, and so to "
            "drop just that. In the paper's own set-ups smoothed teachers are worse; at T = 1 in other work "
            "they are not, and with noisy labels they help. So it is measured, and not assumed.",
        ),
        korean=(
            "교사의 확률을 배우는 학생은 예제마다 클래스들이 서로 얼마나 닮았는지를 배운다. 스무딩은 교사에게 "
            "모든 오답 클래스를 같은 거리에 두라고 하므로 바로 그 정보를 지우게 한다. 논문의 설정에서는 "
            "스무딩한 교사가 더 나빴지만, 다른 연구에서는 T = 1일 때 그렇지 않았고 레이블에 잡음이 있으면 "
            "오히려 도움이 되었다. 그러니 가정하지 말고 재어 본다.",
        ),
    )


def _errors() -> Section:
    return Section(
        "Often said, and wrong",
        (
            "“Less overconfidence, therefore better accuracy.” The paper's table 2 has no gain in two of three.",
            "“A larger T smooths, and a larger T sharpens.” A smaller one sharpens.",
            "“Smoothing keeps classes α/K apart.” It keeps one gap of logits to every wrong class.",
            "“Perplexity fell.” In the paper's table 1 it rose, from 4.67 to 4.92, while BLEU rose too.",
            "“A t-SNE picture shows that clusters are tighter.” Distances between clusters, and their sizes, "
            "mean nothing there; in the plane of the templates they do.",
        ),
        korean=(
            "“과신이 줄었으니 정확도도 오른다.” 논문의 표 2에서는 셋 중 둘에서 오르지 않았다.",
            "“T가 크면 부드러워지고, T가 크면 뾰족해진다.” 뾰족해지는 것은 T가 작을 때이다.",
            "“스무딩은 클래스를 α/K만큼 떨어뜨린다.” 일정한 것은 모든 오답 클래스와의 로짓 차이이다.",
            "“퍼플렉서티가 줄었다.” 논문의 표 1에서는 4.67에서 4.92로 늘었고, BLEU도 함께 올랐다.",
            "“t-SNE 그림을 보면 군집이 더 조밀하다.” 그 그림에서 군집 사이의 거리와 군집의 크기는 아무 뜻이 "
            "없다. 템플릿 평면에서는 뜻이 있다.",
        ),
    )
