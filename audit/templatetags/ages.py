from django import template

from audit.ages import age

register = template.Library()
register.filter("age", age)
