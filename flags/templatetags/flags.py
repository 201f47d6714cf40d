"""`{% load flags %}`: `{% if_flag %}`, for the templates of applications."""

from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token

import flags

register = template.Library()


class IfFlag(template.Node):
    child_nodelists = ("nodelist_on", "nodelist_off")

    def __init__(self, key: FilterExpression, on: NodeList, off: NodeList) -> None:
        self.key, self.nodelist_on, self.nodelist_off = key, on, off

    def render(self, context: template.Context) -> Any:
        key = self.key.resolve(context)
        # A variable that is missing or no text is a key that nobody declares: told of by its name.
        is_on = flags.is_on(key if isinstance(key, str) and key else f"{{{{ {self.key.token} }}}}")
        return (self.nodelist_on if is_on else self.nodelist_off).render(context)


@register.tag
def if_flag(parser: Parser, token: Token) -> IfFlag:
    """`{% if_flag "key" %}…{% else %}…{% endif_flag %}`: what stands there while the flag is on,
    or off. The key is a literal or a variable. As `flags.is_on()`: an undeclared key raises
    UndeclaredFlag under DEBUG and in tests; in production it is off."""
    words = token.split_contents()
    if len(words) != 2:
        raise template.TemplateSyntaxError(f'{words[0]} takes one flag key, such as {words[0]} "x"')
    key = parser.compile_filter(words[1])
    on, off = parser.parse(("else", "endif_flag")), NodeList()
    if parser.next_token().contents == "else":
        off = parser.parse(("endif_flag",))
        parser.delete_first_token()
    return IfFlag(key, on, off)
