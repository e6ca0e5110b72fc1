"""Addresses of the pages. Everything of one company stands below `/t/<public_id>/`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from dashboard.views import (
    accounts,
    alerts,
    audit,
    connections,
    entry_acts,
    flow_acts,
    home,
    oauth,
    overview,
    review,
    rules,
    runs,
    settings,
    team,
    transactions,
)

app_name = "dashboard"

company: list[URLPattern] = [
    path("", overview.overview, name="overview"),
    path("live/", overview.overview_live, name="overview-live"),
    path("flow/sync/", flow_acts.flow_sync, name="flow-sync"),
    path("flow/pause/", flow_acts.flow_pause, name="flow-pause"),
    path("flow/resume/", flow_acts.flow_resume, name="flow-resume"),
    path("flow/dry-run/", flow_acts.flow_dry_run, name="flow-dry-run"),
    path("flow/proof/", flow_acts.flow_proof, name="flow-proof"),
    path("transactions/", transactions.transaction_list, name="transactions"),
    path("transactions/export.csv", transactions.transaction_export, name="transactions-export"),
    path("transactions/<int:record_id>/", transactions.transaction_detail, name="transactions-detail"),
    path("transactions/<int:record_id>/<slug:act>/", entry_acts.transaction_act, name="transactions-act"),
    path("review/", review.review_inbox, name="review"),
    path("review/<slug:act>/", entry_acts.review_act, name="review-act"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/<int:run_id>/", runs.run_detail, name="runs-detail"),
    path("connections/", connections.connection_list, name="connections"),
    path("connections/<slug:kind>/connect/", connections.connection_connect, name="connections-connect"),
    path("connections/<slug:kind>/key/", connections.connection_key, name="connections-key"),
    path("connections/<slug:kind>/companies/", connections.connection_choices, name="connections-choices"),
    path("connections/<slug:kind>/choose/", connections.connection_choose, name="connections-choose"),
    path("connections/<int:connection_id>/test/", connections.connection_test, name="connections-test"),
    path(
        "connections/<int:connection_id>/disconnect/",
        connections.connection_disconnect,
        name="connections-disconnect",
    ),
    path("accounts/", accounts.account_list, name="accounts"),
    path("accounts/map/", accounts.account_map, name="accounts-map"),
    path("accounts/ignore/", accounts.account_ignore, name="accounts-ignore"),
    path("accounts/accept/", accounts.account_accept, name="accounts-accept"),
    path("accounts/refresh/", accounts.account_refresh, name="accounts-refresh"),
    path("rules/", rules.rule_list, name="rules"),
    path("rules/new/", rules.rule_edit, name="rules-new"),
    path("rules/<uuid:key>/", rules.rule_edit, name="rules-edit"),
    path("rules/<uuid:key>/move/", rules.rule_move, name="rules-move"),
    path("rules/<uuid:key>/switch/", rules.rule_switch, name="rules-switch"),
    path("rules/<uuid:key>/remove/", rules.rule_remove, name="rules-remove"),
    path("settings/", settings.settings_edit, name="settings"),
    path("alerts/", alerts.alert_list, name="alerts"),
    path("alerts/read/", alerts.alerts_read, name="alerts-read"),
    path("alerts/settings/", alerts.alerts_settings, name="alerts-settings"),
    path("audit/", audit.audit_list, name="audit"),
    path("audit/export.csv", audit.audit_csv, name="audit-export"),
    path("audit/verify/", audit.audit_verify, name="audit-verify"),
    path("team/", team.team, name="team"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("oauth/<slug:kind>/callback", oauth.callback, name="oauth-callback"),
    path("t/<str:public_id>/", include(company)),
]
