"""Split a name or a description into words: at separators, numbers and changes of case."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_CASED = [chr(code) for code in range(0x530)]  # Latin, Greek and Cyrillic letters
_LOWER = "".join(letter for letter in _CASED if letter.isalpha() and letter.islower())
_UPPER = "".join(letter for letter in _CASED if letter.isalpha() and letter.isupper())
_LETTER = r"[^\W\d_]"
_T = r"[Tt][12]"
_AFTER_T = (  # t1mprage, t2flair: run together, in lower case
    r"(?i:wi|w|ce|c|gd|star|flair|mprage|mpr|tse|fse|se|tfe|ffe|spgr|gre|space|spc|blade|vibe|post"
    r"|pre)(?![a-z])"
)
_ENDS = r"(?![a-z])"
_WORD = re.compile(
    "|".join(
        (
            r"(?:CT|MRI|MR)(?=scan|slice|image)",  # CTscan: camel case would give C + Tscan
            rf"(?i:t2[-_ ]?(?:\*w?|starw?{_ENDS}))",
            rf"{_T}(?={_AFTER_T})(?i:wi|w|ce|c|gd)?(?![a-z0-9])",
            r"(?i:t1n|t2f)(?![a-zA-Z0-9])",  # BraTS
            rf"{_T}(?={_AFTER_T})",
            rf"{_T}(?![a-z0-9])",
            rf"(?i:da(?:rk)?[-_ ]?fl(?:uid)?{_ENDS})",
            rf"(?i:(?:mp2?[-_ ]?rage|eadc|pdw|m(?:in)?ip|(?:fl|me)[23]d){_ENDS})",
            r"[23][Dd](?![a-z])",
            r"(?:O?AX|SAG|COR|TRA)(?=T[12]|FLAIR|PD|DWI)",  # fastMRI's AXT2, AXFLAIR
            r"(?:FLAIR|MPRAGE|DWI|SWI|SWAN|ADC)(?=[a-z])",  # SWIp: camel case would give SW + Ip
            rf"(?<!{_LETTER})[Cc]\+|\+ ?[Cc](?!{_LETTER})",
            rf"[{_UPPER}]+(?![{_LOWER}])|[{_UPPER}]?[{_LOWER}]+|[0-9]+|[^\W\d_{_LOWER}{_UPPER}]+",
        )
    )
)


@dataclass(frozen=True)
class Word:
    """One word of a text.

    Attributes
    ----------
    text : str
        In lower case, without separators.
    start, end : int
        Its begin and end in the text.
    """

    text: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def split_words(text: str) -> tuple[Word, ...]:
    """The words of a text, with their places.

    Examples
    --------
    >>> [word.text for word in split_words("p01_T2w_slice3")]
    ['p', '01', 't2w', 'slice', '3']
    >>> [word.text for word in split_words("Ax T2* GRE t2_spc_da-fl")]
    ['ax', 't2*', 'gre', 't2', 'spc', 'dafl']
    """
    return tuple(
        Word(re.sub(r"[-_ ]", "", found.group().lower()), found.start(), found.end())
        for found in _WORD.finditer(text)
    )


def canonical(name: str) -> str:
    """A name as it is compared: in Unicode form NFC, with every kind of space as a plain one.

    macOS writes a letter with an accent as two characters, others as one. A no-break space looks
    like a plain one.

    Examples
    --------
    >>> canonical("Zoe\N{COMBINING DIAERESIS}\N{NO-BREAK SPACE}1").encode()
    b'Zo\\xc3\\xab 1'
    """
    if name.isascii():
        return name
    composed = unicodedata.normalize("NFC", name)
    return "".join(" " if unicodedata.category(sign) == "Zs" else sign for sign in composed)
