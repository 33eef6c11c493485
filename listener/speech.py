"""The small words of the languages most posts are in: what says nothing by itself, numbers in words, days."""

from typing import Final

_COMMON: Final = {
    "en": (
        "a about after again against all also am an and any are as at back be because been before being but by"
        " can come"
        " could did do does don't down during each even ever every few for from get go got had has have he her"
        " here hers"
        " him his how i i'm i've if in into is isn't it it's its just let like made make many may me more most"
        " much must"
        " my near never no not of off on one only onto or other our out over own per really said same say says"
        " see she"
        " should since so some still such take than that that's the their them then there these they this"
        " those through"
        " to too two under until up upon us very via was we we're well went were what when where which while"
        " who whole"
        " why will with within without would yes yet you you're your"
    ),
    "de": (
        "aber alle als am an auch auf aus bei bin bis da dann das dass dem den der des die doch du durch ein"
        " eine einem"
        " einen einer eines er es für gegen hat haben ich ihr im in ist ja jetzt kann kein keine man mehr mit"
        " muss nach"
        " nicht noch nun nur ob oder ohne sein seine sich sie sind so soll über um und uns unter vom von vor war was"
        " wegen weil wenn wer werden wie wieder wir wird wurde wurden zu zum zur zwischen"
    ),
    "fr": (
        "à au aux avec c'est ce ces cette comme dans de depuis des du elle en est et il ils je la le les leur"
        " leurs mais"
        " ne nous on ont ou où par pas plus pour qu que qui sa se ses son sont sous sur un une vous"
    ),
    "es": (
        "a al con como de del desde donde el ella en entre es esta este están fue ha han hasta la las lo los"
        " más me mi"
        " muy ni no nos o para pero por porque que se según ser si sin sobre son su sus tras un una y ya"
    ),
    "pt": (
        "à ao aos as com como da das de depois do dos e é ela ele em entre esta este eu foi há já mais mas na"
        " nas não no"
        " nos o os ou para pela pelo por que se sem ser são seu sua também um uma você"
    ),
    "nl": (
        "aan als bij dan dat de deze die dit door een en er het hij ik in is je kan maar meer met naar niet"
        " nog nu of om"
        " onder ook op over te tot uit van voor was wat we wel werd wordt ze zich zijn zo"
    ),
    "it": (
        "a ai al alla anche che chi ci come con da dal dalla degli dei del della delle di dopo e è gli ha"
        " hanno i il in"
        " la le lo ma nel nella non o per più se si sono su sul sulla tra un una"
    ),
}  # fmt: skip
_EMPTY: Final = (
    "afternoon announced announces around best better big birthday bonjour breaking buenas buenos congrats"
    " congratulations day days dia días dias enjoy evening everybody everyone feel folks friend friends good"
    " great guten"
    " guys happy hello hey hi hope know last latest lol look love lovely luck maybe merry morgen morning need"
    " new news"
    " next nice night nothing now ok okay people please post rt something sure thank thanks thing things think thread"
    " time today tomorrow tonight update want week weekend welcome wish wishing wonderful work world year years"
    " yesterday heute neue neuer neues neu tag mehr hoy nuevo nueva aujourd'hui nouveau hoje novo nieuw"
    " vandaag"
)
SPOKEN_IN: Final = {word: lang for lang, words in reversed(_COMMON.items()) for word in words.split()}
SPOKEN_IN_SEVERAL: Final = frozenset(
    word for word in SPOKEN_IN if sum(word in words.split() for words in _COMMON.values()) > 1
)
MEANINGLESS: Final = frozenset(_EMPTY.split()).union(SPOKEN_IN)
"""Words that say nothing about what a text is about."""
NUMBERS: Final = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
    "ten": "10", "eleven": "11", "twelve": "12", "zwei": "2", "drei": "3", "vier": "4", "fünf": "5", "sechs": "6",
    "sieben": "7", "acht": "8", "zehn": "10", "zwölf": "12",
}  # fmt: skip
_DATES: Final = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september"
    " october november december montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar märz juni"
    " juli oktober dezember lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves viernes"
    " sábado domingo"
)
DAYS_AND_MONTHS: Final = frozenset(_DATES.split())
