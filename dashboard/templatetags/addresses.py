"""`{% url 'overview' %}`, worked out once: a page has forty addresses without parameters, each a search."""

from functools import cache

from django import template
from django.conf import settings
from django.template.base import Parser, Token
from django.template.context import Context
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as django_url
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

register = template.Library()


class Fixed(URLNode):
    """The address of a view by its name alone."""

    def render(self, context: Context) -> str:
        return address_of(self.view_name.var)


def address_of(name: str) -> str:
    return known(name, get_script_prefix(), get_urlconf() or settings.ROOT_URLCONF)


@cache
def known(name: str, prefix: str, urls: str) -> str:
    return escape(reverse(name))


@register.tag
def url(parser: Parser, token: Token) -> URLNode:
    """As Django's own."""
    node = django_url(parser, token)
    name = node.view_name
    named = isinstance(name.var, SafeString) and not name.filters and ":" not in name.var
    if named and not (node.args or node.kwargs or node.asvar):
        return Fixed(name, [], {}, None)
    return node
