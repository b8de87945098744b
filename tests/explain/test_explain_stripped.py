"""Scripts and style sheets of a page in a file: nothing is lost but comments and needless space."""

from __future__ import annotations

import pytest

from fastnn.explain import stripped
from fastnn.explain.page_files import read_page


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("let a = 1; // one\n\n  /* two\n */ b()\n  c()", "let a=1;b()\nc()"),
        ("f(`a  ${ g(`//${ {x: 1}.x } `) }  // b`)", "f(`a  ${g(`//${{x:1}.x} `)}  // b`)"),
        ("x = a / b / c; y = /[/'\"] +\\// g", "x=a/b/c;y=/[/'\"] +\\//g"),
        ('t.replace(/  `/g, \'//  \') + "a \\" /* b"', 't.replace(/  `/g,\'//  \')+"a \\" /* b"'),
        ("a + +b - -c\n++d", "a+ +b- -c\n++d"),
        ("return /a b/.test(x)", "return/a b/.test(x)"),
        ("const f = (x) =>\n  x.y ?? 0\n[1].map(f)", "const f=(x)=>\nx.y??0\n[1].map(f)"),
        (
            "class A { #b = 1\n  get c() { return this.#b }\n}",
            "class A{#b=1\nget c(){return this.#b}}",
        ),
    ],
)
def test_a_script_loses_only_comments_and_needless_space(script: str, expected: str) -> None:
    assert stripped.script(script) == expected


@pytest.mark.parametrize("script", ["a = 'b", "a = `b ${c}", 'a = "b\n"'])
def test_a_script_whose_text_does_not_end_is_refused(script: str) -> None:
    with pytest.raises(ValueError, match="does not end"):
        stripped.script(script)


def test_a_style_sheet_loses_only_comments_and_needless_space() -> None:
    sheet = "/* a */ a:hover  b ,\n c { content: ' ; /* x */ ' ;\n  width: calc(1px + 2px) }\n"
    assert stripped.style(sheet) == "a:hover b,c{content: ' ; /* x */ ';width: calc(1px + 2px)}"


@pytest.mark.parametrize("name", [name for name in read_page() if name.endswith(".mjs")])
def test_every_script_of_the_page_keeps_its_tokens(name: str) -> None:
    script = read_page()[name].decode("utf-8")

    def visible(text: str) -> list[str]:
        return [token for token in stripped.tokens(text) if not token.isspace()]

    assert visible(stripped.script(script)) == visible(script)
