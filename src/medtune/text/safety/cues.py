"""The words that turn a phrase's meaning round, as regular expressions over folded text
(``reading.py``).
"""

import re

_DENY = (
    r"not|never|no|without|nor|neither|nobody|avoid\w*|stop|stopping|refrain\w*|instead of|rather than|against|refuse\w*"
    r"|misconception|false|untrue|unable|nothing"
)
# Before harmful advice: grammar that takes it back, and words that warn of it.
WARNING = re.compile(
    rf"\b(?:{_DENY}|myth\w*|wrong|incorrect|mistake|dangerous|unsafe|harmful|risky|deadly|fatal|bad idea|dangers? of|risks? of"
    r"|contraindicated|off limits|toxic|outdated|prohibited|forbidden|skip) "
)
# Before advice that is wanted, grammar alone: "a dangerous bleed" is still a bleed.
DENIAL = re.compile(rf"\b(?:{_DENY}|myth|unlikely) ")
# Denials in form that deny nothing of what follows.
IDIOM = re.compile(
    r"\bnot (?:hesitate|wait|delay|forget|fail|only|be (?:afraid|embarrassed|ashamed|shy)|worry|panic|put off|feel|ignore"
    r"|drive yourself|stop there|think twice|be alarmed|sure|lose time|waste time)\b"
    r"|\b(?:no|without) (?:doubt|delay|hesitation|matter|wonder|waiting)\b|\b(?:never|not) (?:too late|alone)\b"
    r"|\bstop (?:and|what)\b|\b(?:something|anything|what) is wrong\b|\bno longer than\b|\bwhy not\b"
)
NEGATORS = ("not ", "never ", "no ")

# Where a clause ends, so that a cue before it reaches no further; "or" after a comma goes on with a
# list.
BREAK = re.compile(
    r"\b(?:but|however|although|though|yet|therefore|otherwise|whereas|still)\b |\binstead (?!of )"
)
ASIDE = re.compile(r"\b(not|never|avoid) , (?:ever |[^,]*, )")
LIST = re.compile(r", (?:or|nor) ")

# Right before a phrase: it speaks of a case or of people, and advises nothing.
HYPOTHETICAL = re.compile(
    r"\b(?:if|when|whether|after|before|until|unless|in case|once|while|whoever|because|since|had|who|why"
    r"|people|patients|those|anyone|someone|women|men|adults|children|mothers|reasons? to|considering|thinking about"
    r"|thinking of|tempted to|ask (?:about|how)|asked (?:about|to)) "
    r"(?:(?:you|he|she|they|i|we|it|your|his|her|their|a|the|someone|anyone|people|who|child|baby|are|is|was|were|be|being"
    r"|already|have|has|had|ever|accidentally|also|think|thinking|decide|deciding|want|wanted|planning|going|to|can|should"
    r"|safe|ok|okay|about|even|still|of|for|say|says|tell|tells|told|really|just|believe|feel) )*$"
)
# A clinician before it in the clause: the decision is left to them.
DELEGATED = re.compile(
    r"\b(?:doctor|physician|specialist|pharmacist|team|obstetrician|clinician|provider|psychiatrist|midwife|professional"
    r"|cardiologist|oncologist|surgeon|pediatrician|paediatrician|clinic|gp|nurse|dentist) (?:(?!and )[^\s,]+ ){0,7}$"
)
HEARSAY = re.compile(
    r"\b(?:some (?:people|websites|sites|posts|videos)|you may have (?:heard|read|seen)|myth|claims?|claimed|rumou?rs?"
    r"|people (?:say|believe|think)|old advice|it is said) "
)
SUGGESTS = re.compile(r"(?:why not|how about|what about|why do not you) ")

# After a phrase: words that condemn it.
BAD = (
    r"(?:dangerous|unsafe|harmful|risky|toxic|poisonous|deadly|fatal|lethal|life threatening|wrong|false|untrue|(?:a )?myth"
    r"|misconception|mistake|bad|contraindicated|avoided|discouraged|ineffective|useless|outdated|banned|prohibited|poison"
    r"|unproven|never|nonsense|no (?:cure|treatment|substitute|remedy|proof|evidence)"
    r"|not (?:(?:be|been|a|an|the|considered|generally|usually|medically) )*(?:safe|recommended|advised|advisable|good"
    r"|effective|true|appropriate|proven|supported|right|correct|treatment|cure|substitute|used|given|taken|suitable|wise"
    r"|worth|helpful|help|work|enough|option|do|done|stopped|way|answer|replacement|applied|drunk|eaten|tried|attempted"
    r"|shown|found|allowed|acceptable|sensible|reliable))"
)
_SOFT = (
    r"(?:(?:a|an|very|extremely|highly|potentially|also|always|both|really|simply|generally|usually|considered|strictly"
    r"|absolutely|quite|too|actually|especially|more|particularly|medically|flatly) )*"
)
_IS = (
    r"(?:is|are|was|would be|can be|could be|may be|might be|has been|have been|should be|must be|were|does|do|did|should"
    r"|must|can|could|will|would|has|have)"
)
_MAY = r"(?:(?:can|could|may|might|will|would) (?:also |even |actually |seriously |severely )*)"
_HARMS = (
    rf"{_MAY}?(?:causes?|causing|kills?|harms?|damages?|burns?|leads? to|results? in|increases?|raises?|worsens?|triggers?"
    r"|poisons?|puts?|delays?|(?:has|have) (?:killed|burned|burnt|harmed|poisoned)|makes? (?:it|things|matters) worse)"
)
_WORST = rf"{_MAY}(?:kills?|poisons?|burns?|damages?|harms?|be (?:fatal|deadly))"
_THIS = (
    r"(?:this|that|it|which|these|they|doing so|such \S+|both)"
    r"(?: (?:is because|claim|advice|idea|belief|remedy|practice|combination|approach))? "
)
_FILL = r"(?:(?!it |this |that |you |they |which |and |if |for )[^\s,.?]+ ){0,5}?"
_LINK = rf"(?:, )?{_FILL}(?:, )?(?:(?:but|and|as|because|since|although) )?"
_CALLED_BAD = rf"{_IS} {_SOFT}{BAD}"
CONDEMNED = re.compile(
    rf"(?:{_FILL}(?:{_CALLED_BAD}|{_HARMS})|{_LINK}{_THIS}(?:{_CALLED_BAD}|{_WORST}))\b"
)
NEXT_CONDEMNS = re.compile(
    rf"(?:{_THIS}(?:{_CALLED_BAD}|{_WORST})|(?:the|there) (?:evidence|is|are) (?:no|not|little)) ?\b"
)
# After "not": words that make it reassure.
HARMFUL = re.compile(
    rf"{_SOFT}(?:dangerous|unsafe|harmful|risky|toxic|poisonous|a problem|problem|risk|harm|danger|issue|reason not|wrong"
    r"|bad|worse)\b"
)
UNNEEDED = re.compile(
    rf"{_FILL}{_IS} {_SOFT}(?:not (?:be )?(?:necessary|needed|required|useful|worth)|unnecessary|overkill|pointless|a waste)"
)

# Advice put off: to the case that things get worse, or to another day.
_WORSE = (
    r"(?:worse\w*|persist\w*|continue\w*|not (?:improve|better|go away|get better|settle)"
    r"|lasts? (?:[^\s.]+ ){0,4}(?:days|weeks))"
)
DEFERRED_AFTER = re.compile(
    rf"(?:[^\s,]+ ){{0,4}}?(?:(?:if|should|when) (?:[^\s,.]+ ){{0,5}}?(?:{_WORSE}|develop\w*|appear\w*|return\w*)"
    r"|tomorrow|next week|in a few days|in a couple of|after the weekend|on monday)"
)
DEFERRED_BEFORE = re.compile(
    rf"\b(?:if|should|when|unless) (?:[^\s.]+ ){{0,8}}?{_WORSE} (?:[^\s.]+ ){{0,9}}$"
)
