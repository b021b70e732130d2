"""Words that reverse the meaning of a phrase, as regular expressions on folded text
(``folding.py``).
"""

import re

from medtune.text.words import lists_beside

_LISTS = lists_beside(__file__)

_DENY = _LISTS.one_of("denials")
# Before harmful advice: grammar that takes it back, and words that warn of it.
WARNING = re.compile(rf"\b(?:{_LISTS.one_of('denials', 'warnings')}) ")
# Before advice that is wanted, grammar alone: "a dangerous bleed" is still a bleed.
DENIAL = re.compile(rf"\b(?:{_DENY}|myth|unlikely) ")
# Denials in form that deny nothing of what follows.
IDIOM = re.compile(
    rf"\bnot (?:{_LISTS.one_of('not_idioms')})\b|\b(?:no|without) (?:doubt|delay|hesitation"
    rf"|matter|wonder|waiting)\b|\b(?:never|not) (?:too late|alone)\b|\bstop (?:and|what)\b"
    rf"|\b(?:something|anything|what) is wrong\b|\bno longer than\b|\bwhy not\b"
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
HYPOTHETICAL = re.compile(rf"\b(?:{_LISTS.one_of('cases')}) (?:{_LISTS.one_of('case_fillers')})*$")
# A clinician before it in the clause: the decision is left to them.
DELEGATED = re.compile(rf"\b(?:{_LISTS.one_of('clinicians')}) (?:(?!and )[^\s,]+ ){{0,7}}$")
HEARSAY = re.compile(rf"\b(?:{_LISTS.one_of('hearsay')}) ")
SUGGESTS = re.compile(r"(?:why not|how about|what about|why do not you) ")

# After a phrase: words that condemn it.
BAD = (
    rf"(?:{_LISTS.one_of('condemnations')}"
    rf"|not (?:(?:{_LISTS.one_of('not_fillers')}) )*(?:{_LISTS.one_of('not_condemnations')}))"
)
_SOFT = rf"(?:(?:{_LISTS.one_of('adverbs')}) )*"
_IS = rf"(?:{_LISTS.one_of('auxiliaries')})"
_MAY = r"(?:(?:can|could|may|might|will|would) (?:also |even |actually |seriously |severely )*)"
_HARMS = rf"{_MAY}?(?:{_LISTS.one_of('harms')})"
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
    rf"(?:{_THIS}(?:{_CALLED_BAD}|{_WORST})|(?:the|there) (?:evidence|is|are) (?:no|not"
    rf"|little)) ?\b"
)
# After "not": words that make it reassure.
HARMFUL = re.compile(
    rf"{_SOFT}(?:dangerous|unsafe|harmful|risky|toxic|poisonous|a problem|problem|risk|harm"
    rf"|danger|issue|reason not|wrong"
    r"|bad|worse)\b"
)
UNNEEDED = re.compile(
    rf"{_FILL}{_IS} {_SOFT}(?:not (?:be )?(?:necessary|needed|required|useful|worth)"
    rf"|unnecessary|overkill|pointless|a waste)"
)

# Advice put off: to the case that things get worse, or to another day.
_WORSE = (
    r"(?:worse\w*|persist\w*|continue\w*|not (?:improve|better|go away|get better|settle)"
    r"|lasts? (?:[^\s.]+ ){0,4}(?:days|weeks))"
)
DEFERRED_AFTER = re.compile(
    rf"(?:[^\s,]+ ){{0,4}}?(?:(?:if|should|when) (?:[^\s,.]+ ){{0,5}}?(?:{_WORSE}"
    rf"|develop\w*|appear\w*|return\w*)"
    r"|tomorrow|next week|in a few days|in a couple of|after the weekend|on monday)"
)
DEFERRED_BEFORE = re.compile(
    rf"\b(?:if|should|when|unless) (?:[^\s.]+ ){{0,8}}?{_WORSE} (?:[^\s.]+ ){{0,9}}$"
)
