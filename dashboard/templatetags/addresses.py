"""`{% url 'overview' %}` and `{% static 'icons.svg' %}`, worked out once: a page has fifty such addresses."""

from functools import cache

from django import template
from django.template.base import Parser, Token
from django.template.context import Context
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as django_url
from django.templatetags.static import StaticNode
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

register = template.Library()


class FixedURL(URLNode):
    """The address of a view by its name alone."""

    def render(self, context: Context) -> str:
        try:
            found = address_of(self.view_name.resolve(context))
        except NoReverseMatch:
            if not self.asvar:
                raise
            found = ""
        if not self.asvar:
            return found
        context[self.asvar] = found
        return ""


class FixedStatic(StaticNode):
    """The address of a file of ours."""

    def render(self, context: Context) -> str:
        return file_at(self.path.var, get_script_prefix())


def address_of(name: str) -> str:
    return view_at(name, get_script_prefix(), get_urlconf())


@cache
def view_at(name: str, prefix: str, urls: str | None) -> str:
    return escape(reverse(name))


@cache
def file_at(path: str, prefix: str) -> str:
    return escape(StaticNode.handle_simple(path))


@register.tag
def url(parser: Parser, token: Token) -> URLNode:
    """As Django's own."""
    node = django_url(parser, token)
    name = node.view_name
    ours = not (node.args or node.kwargs or name.filters or ":" in name.token)
    return FixedURL(name, [], {}, node.asvar) if ours else node


@register.tag
def static(parser: Parser, token: Token) -> StaticNode:
    """As Django's own."""
    node = StaticNode.handle_token(parser, token)
    named = isinstance(node.path.var, SafeString) and not node.path.filters
    return FixedStatic(path=node.path) if named and not node.varname else node
