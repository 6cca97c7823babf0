from django.contrib.auth.models import User
from django.core.management.base import CommandParser
from django.db.models import Q

from numbers.forms.numbers import SaveViewForm
from numbers.listing.query import Query
from numbers.listing.saved_views import save_view
from numbers.management.act_command import BAD_INPUT, ActCommand, Rows
from numbers.models import SavedView
from numbers.permissions import Right
from numbers.services.audit.events import Actor


class Command(ActCommand):
    help = "List, save or delete views of the list of numbers: the account's of --as, and shared ones."
    acts = {"list": Right.VIEW, "save": Right.VIEW, "delete": Right.VIEW}
    examples = """
  manage.py views --as bob --json
  manage.py views save "No one answers" --query "agent=none&sort=bought" --shared --as bob
  manage.py views delete "No one answers" --as bob
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", nargs="?", default="", help="what the view is called")
        parser.add_argument("--query", default="", help="the list's address after the question mark")
        parser.add_argument("--shared", action="store_true", help="everyone sees it")

    def do_list(self, by: Actor, options: dict) -> Rows:
        whose = Q(shared=True) | Q(user=by.user) if by.user else Q(shared=True)
        found = SavedView.objects.filter(whose).select_related("user").order_by("name", "pk")
        return [
            {"name": view.name, "of": str(view.user), "shared": view.shared, "query": view.query}
            for view in found
        ]

    def do_save(self, by: Actor, options: dict) -> Rows:
        user, form = self.owner(by, options), SaveViewForm(options)
        if not form.is_valid():
            self.stop(BAD_INPUT, "Enter a view name of up to 60 characters.")
        query = Query.of(form.cleaned_data["query"])
        view = save_view(user=user, name=form.cleaned_data["name"], query=query, shared=options["shared"])
        return [{"name": view.name, "shared": view.shared, "query": view.query}]

    def do_delete(self, by: Actor, options: dict) -> Rows:
        SavedView.objects.get(user=self.owner(by, options), name=options["name"]).delete()
        return [{"deleted": options["name"]}]

    def owner(self, by: Actor, options: dict) -> User:
        self.need(options, name="a view's name", account="--as: views belong to a person")
        return by.user or self.stop(BAD_INPUT, "Views belong to a person.")
