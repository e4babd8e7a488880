"""`{% load stripe_pages %}`: `{% event_page nav.mode row.event_id as url %}`."""

from django import template

from pqintel.ui.stripe_pages import event_page, object_page

register = template.Library()
register.simple_tag(event_page)
register.simple_tag(object_page)
