"""What a template remembers is the same for the same values, and blind to everything else."""

from functools import cache

from django.template import Context, Template, engines


@cache
def compiled(text: str) -> Template:
    return engines["django"].engine.from_string(text)


def rendered(text: str, **values) -> str:
    return compiled(text).render(Context(values))


def test_it_is_rendered_anew_for_other_values_and_escapes_them():
    text = "{% remember word %}<b>{{ word }}</b>{% endremember %}"
    assert rendered(text, word="<i>") == "<b>&lt;i&gt;</b>"
    assert rendered(text, word="two") == "<b>two</b>"
    assert rendered(text, word="<i>") == "<b>&lt;i&gt;</b>"


def test_it_does_not_see_what_is_not_named():
    text = "{% remember word %}{{ word }} {{ person }}{% endremember %} {{ person }}"
    assert rendered(text, word="one", person="ada") == "one  ada"
    assert rendered(text, word="one", person="bob") == "one  bob"


def test_it_forgets_rather_than_grow():
    text = "{% remember word %}{{ word }}{% endremember %}"
    for word in range(200):
        assert rendered(text, word=word) == str(word)
    [node] = compiled(text).nodelist
    assert len(node.kept) <= 64
