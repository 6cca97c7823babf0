"""`{% remember page counts %}...{% endremember %}`: what it holds is rendered once for the same values.

It sees the named values and nothing else, neither the request nor the person, so that nothing of one page
can turn up on another. The values are plain: their `repr` says all about them. Where `csrf_token` is
named, each page gets its own token in what was remembered.
"""

import secrets

from django import template
from django.template.base import Node, NodeList, Parser, Token
from django.template.context import Context
from django.urls import get_script_prefix
from django.utils.safestring import SafeString

register = template.Library()
MOST = 64  # pieces that one place of a template keeps
CSRF = "csrf_token"
HERE = secrets.token_hex(32)  # stands for the token; nobody can write it into a value


class Remembered(Node):
    child_nodelists = ()  # holds no block, so nobody needs to look for one in it

    def __init__(self, names: list[str], nodelist: NodeList) -> None:
        self.names, self.nodelist = [name for name in names if name != CSRF], nodelist
        self.own = {CSRF: HERE} if CSRF in names else {}
        self.kept: dict[tuple[str, str], SafeString] = {}

    def render(self, context: Context) -> str:
        values = {name: context.get(name) for name in self.names}
        key = get_script_prefix(), repr(values)
        if (found := self.kept.get(key)) is None:
            if len(self.kept) >= MOST:
                self.kept.clear()
            found = self.kept[key] = self.nodelist.render(context.new(values | self.own))
        return found.replace(HERE, str(context.get(CSRF, ""))) if self.own else found


@register.tag
def remember(parser: Parser, token: Token) -> Remembered:
    names = token.split_contents()[1:]
    nodelist = parser.parse(["endremember"])
    parser.delete_first_token()
    return Remembered(names, nodelist)
