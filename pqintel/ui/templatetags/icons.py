"""`{% load icons %}`: `{% icon "settings" %}`, `{% icon name "icon-large" %}`."""

from django import template

from pqintel.ui.icons import icon

register = template.Library()
register.simple_tag(icon)
