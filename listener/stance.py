"""On which side somebody stands, by words of praise and complaint in six languages; unsure is None of both.

Only what is clear counts: a word that praises one thing and only describes another is not in the lists.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from listener.speech import SPOKEN_IN, SPOKEN_IN_SEVERAL

_NO: Final = (
    "not no never none nobody nothing neither without hardly don't doesn't didn't isn't aren't wasn't weren't won't"
    " can't cannot couldn't shouldn't wouldn't ain't"
    " nicht kein keine keinen keinem keiner nie niemals niemand nichts ohne kaum"
    " ne pas jamais aucun aucune rien personne sans"
    " nunca jamás nada nadie sin ningún ninguna tampoco"
    " não nem ninguém sem nenhum nenhuma"
    " niet geen nooit niemand niets zonder"
)
NEGATORS: Final = frozenset(_NO.split())
REACH: Final = 3
"""A negation turns what stands at most so many words after it."""

# One meaning, a phrase an entry; `a|b` are alternatives for one word.
_PRAISE: Final = {
    "en": (
        "are|is|was|were right, you're right, they're right, quite right, absolutely right, a relief, what a relief,"
        " relieved, about time, at last, finally somebody|someone|they|a|an|the|it|we, long overdue, worth it,"
        " worth the, well worth, well done, good idea, great idea, good news, great news, good for, great for,"
        " best thing, love it|this|that|how|the, i love, we love, brilliant, excellent, wonderful, fantastic, superb,"
        " impressive, impressed, delighted, grateful, glad, thrilled, proud, hats off, kudos, respect, agree,"
        " fully support, i support, we support, in favour, in favor, deserve, deserves, deserved, fair, sensible,"
        " long live, makes sense, step forward, improvement, improves, better than, so much better, much better,"
        " saves|saved us|me, thank goodness, thankful, as it should, should have happened, must stay, should stay,"
        " works great|well|beautifully, a win, big win, no brainer, godsend, a joy, welcome step"
    ),
    "de": (
        "haben|hat recht, völlig richtig, genau richtig, endlich, erleichterung, erleichtert, gut so, gute idee,"
        " gute nachricht, großartig, wunderbar, hervorragend, klasse, super, begeistert, freue mich, freut mich,"
        " lohnt sich, dafür, stimme zu, zustimmen, verdient, verdienen, überfällig, sinnvoll, fortschritt, bravo,"
        " respekt, zum glück, viel besser, ein segen, vernünftig, unterstütze"
    ),
    "fr": (
        "a|ont raison, enfin, quel soulagement, un soulagement, soulagé, bonne idée, bonne nouvelle, génial, excellent,"
        " formidable, magnifique, bravo, ravi, ravie, d'accord avec, je soutiens, mérite, méritent, il était temps,"
        " vaut le coup, un progrès, heureusement, bien mieux, tant mieux, j'adore, utile"
    ),
    "es": (
        "tiene|tienen razón, por fin, qué alivio, un alivio, buena idea, buena noticia, genial, excelente, estupendo,"
        " maravilloso, me encanta, me alegro, de acuerdo con, apoyo, merece, merecen, ya era hora, vale la pena,"
        " un avance, menos mal, mucho mejor, bravo, necesario, a favor"
    ),
    "pt": (
        "tem|têm razão, até que enfim, finalmente, que alívio, um alívio, boa ideia, boa notícia, ótimo, ótima,"
        " excelente, maravilhoso, adoro, concordo, apoio, merece, merecem, já era hora, vale a pena, um avanço,"
        " ainda bem, muito melhor, a favor, justo"
    ),
    "nl": (
        "heeft|hebben gelijk, eindelijk, opluchting, opgelucht, goed idee, goed nieuws, geweldig, fantastisch,"
        " uitstekend, prachtig, blij, eens met, ik steun, verdient, verdienen, hoog tijd, de moeite waard, vooruitgang,"
        " gelukkig, veel beter, terecht, respect"
    ),
}
_COMPLAINT: Final = {
    "en": (
        "are|is|was|were wrong, you're wrong, they're wrong, hostage, disgrace, disgraceful, shame, shameful, outrage,"
        " outrageous, disaster, disastrous, catastrophe, terrible, horrible, awful, dreadful, appalling, ridiculous,"
        " absurd, nonsense, rubbish, garbage, useless, pointless, waste of, a waste, unfair, unjust, unacceptable,"
        " selfish, greedy, greed, bad idea, bad news, terrible idea, big mistake, a mistake, disagree, i oppose,"
        " we oppose, am|are against, worse than, even worse, much worse, worst, ruin, ruins, ruined, destroy,"
        " destroys, destroyed, kills, killing off, hate it|this|that|how|the, i hate, fed up, sick of, tired of,"
        " angry, furious, disappointed, disappointing, overpriced, overrated, unusable, bloated, a scam, rip off,"
        " need none of, don't need, do not need, doesn't need, nobody needs, no one needs, who needs,"
        " nobody asked, no one asked, who asked, who thinks of, what about the, nobody thinks, nobody thought,"
        " have|has to close|dissolve|quit|leave|sell|shut|stop, holds your hand, hand holding, slap in, punishes,"
        " punished, victims, suffer, suffers, pay the price, at the expense, step backwards, makes no sense,"
        " should be ashamed, should never, must go, should go, must be stopped, too expensive, unaffordable,"
        " cannot afford, can't afford, not fair, i regret, nightmare, insult, insulting, betrayal, betrayed"
    ),
    "de": (
        "unrecht, falsch, schande, skandal, katastrophe, furchtbar, schrecklich,"
        " unverschämt, unverschämtheit, lächerlich,"
        " absurd, unsinn, quatsch, nutzlos, sinnlos, verschwendung, ungerecht, unfair, inakzeptabel, egoistisch,"
        " schlechte idee, ein fehler, dagegen, lehne ab, schlimmer, ruiniert, zerstört, zerstören, hasse, satt,"
        " wütend, enttäuscht, enttäuschend, überteuert, abzocke, braucht niemand, braucht kein, wer braucht,"
        " wer denkt an, niemand denkt, geiselhaft, geiseln, zu teuer, unbezahlbar, zumutung, bevormundung"
    ),
    "fr": (
        "a|ont tort, otage, otages, honte, honteux, scandale, catastrophe, terrible, horrible, affreux, inadmissible,"
        " inacceptable, ridicule, absurde, inutile, gaspillage, injuste, égoïste, mauvaise idée, une erreur,"
        " pas d'accord, je suis contre, pire, ruine, détruit, détruire, je déteste, ras le bol, marre, en colère,"
        " déçu, déçue, décevant, trop cher, arnaque, qui pense à, qui pense aux, personne ne pense, absurdité"
    ),
    "es": (
        "se equivoca, se equivocan, rehén, rehenes, vergüenza, vergonzoso, escándalo, desastre, catástrofe, terrible,"
        " horrible, inaceptable, ridículo, absurdo, tontería, inútil, despilfarro, injusto, injusta, egoísta,"
        " mala idea,"
        " un error, en contra, peor, arruina, arruinan, destruye, destruyen, odio, harto, harta, hartos, furioso,"
        " decepción, decepcionado, decepcionante, demasiado caro, estafa, quién piensa, nadie piensa"
    ),
    "pt": (
        "está errado, estão errados, refém, reféns, vergonha, vergonhoso, escândalo, desastre, catástrofe, terrível,"
        " horrível, inaceitável, ridículo, absurdo, bobagem, inútil, desperdício, injusto, injusta, egoísta,"
        " má ideia,"
        " um erro, sou contra, pior, arruína, arruinar, destrói, destruir, odeio, farto, farta, furioso,"
        " decepção, decepcionado, caro demais, golpe, quem pensa, ninguém pensa"
    ),
    "nl": (
        "ongelijk, gijzelen, gegijzeld, gijzeling, schande, schandalig, ramp, rampzalig, vreselijk, verschrikkelijk,"
        " belachelijk, absurd, onzin, nutteloos, zinloos, verspilling, oneerlijk, onrechtvaardig, onacceptabel,"
        " egoïstisch, slecht idee, een fout, oneens, ben tegen, erger, ruïneert, verwoest, haat, zat, woedend, boos,"
        " teleurgesteld, teleurstellend, te duur, onbetaalbaar, oplichting, wie denkt, niemand denkt, betutteling"
    ),
}
_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[,.;:!?—–(]")
_PAUSES: Final = frozenset(",.;:!?—–(")

ANY: Final = "any"
"""The language of a text that has none of the small words: no English one, but it may be any of the others."""

Lists = dict[tuple[str, ...], int]


def words(text: str) -> list[str]:
    """Give the words of a text without case, in order, and the stops between them."""
    return [word.replace("’", "'") for word in _WORD.findall(text.casefold())]


def side(text: str, lang: str | None = None) -> int:
    """Count praise (above 0) against complaint (below 0); 0 where nothing or both is said.

    `lang`: as the platform tells it; the small words of the text are believed first.
    """
    found, listed = words(text), _lists(_language(words(text), lang))
    praise = complaint = place = 0
    while place < len(found):
        sign, length = _at(found, place, listed)
        if sign and _is_negated(found, place):
            sign = -sign
        praise, complaint = praise + (sign > 0), complaint + (sign < 0)
        place += length
    return 0 if praise and complaint else praise - complaint


def negations(text: str) -> int:
    """Count the words that say no."""
    return sum(word in NEGATORS for word in words(text))


def _at(found: Sequence[str], place: int, listed: Lists) -> tuple[int, int]:
    """Find the longest entry that stands at a place: its sign, and its length."""
    for length in (4, 3, 2, 1):
        sign = listed.get(tuple(found[place : place + length]))
        if sign is not None and place + length <= len(found):
            return sign, length
    return 0, 1


def _is_negated(found: Sequence[str], place: int) -> bool:
    for word in reversed(found[max(0, place - REACH) : place]):
        if word in _PAUSES:
            return False
        if word in NEGATORS:
            return True
    return False


def _language(found: Sequence[str], lang: str | None) -> str:
    counts: dict[str, int] = {}
    for word in found:
        if word in SPOKEN_IN and word not in SPOKEN_IN_SEVERAL:
            counts[SPOKEN_IN[word]] = counts.get(SPOKEN_IN[word], 0) + 1
    best = max(counts, key=counts.__getitem__, default=None)
    if best is not None and counts[best] >= 2:
        return best
    return lang.partition("-")[0].lower() if lang else best or ANY


@lru_cache(maxsize=16)
def _lists(lang: str) -> Lists:
    found: Lists = {}
    for sign, lists in ((1, _PRAISE), (-1, _COMPLAINT)):
        for entry in filter(None, (one.strip() for one in _entries(lists, lang).split(","))):
            for phrase in _spelled(entry.split()):
                found[phrase] = sign
    return found


def _entries(lists: Mapping[str, str], lang: str) -> str:
    return ",".join(lists.values()) if lang == ANY else lists.get(lang, "")


def _spelled(entry: Sequence[str]) -> list[tuple[str, ...]]:
    spelled: list[tuple[str, ...]] = [()]
    for word in entry:
        spelled = [(*before, one) for before in spelled for one in word.split("|")]
    return spelled
