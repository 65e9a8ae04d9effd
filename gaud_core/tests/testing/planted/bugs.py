"""Every planted bug, the test that is meant for it, and which others may find it too, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import bugs_chat as chat
import bugs_http as http
from calls_home import CallsHome
from good import GoodChat, GoodHTTP
from kits import ChatKit, HTTPKit
from slow_import import SlowImport

ANY = "*"
_SAME_TEXT = "it is the same text, cut otherwise"
_WITHOUT_END = "a stream that stalls is broken too"


@attrs.frozen
class Planted:
    """A bug: its provider, the test that is meant for it, and the reasons of those that may fail with it."""

    provider: type
    found_by: str
    also: Mapping[str, str] = attrs.field(factory=dict)
    told: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def kit(self) -> type:
        """The class of tests for it, made anew."""
        base = ChatKit if issubclass(self.provider, GoodChat) else HTTPKit
        return type(f"Test{self.provider.__name__}", (base,), {"provider": self.provider, **self.told})


BUGS = (
    Planted(http.IsNamedLikeASection, "test_name_is_a_routing_prefix"),
    Planted(http.HasASlashBeforeItsEndpoint, "test_class_can_be_a_plugin"),
    Planted(
        http.ServesWhatGaudDoesNot, "test_endpoints_are_known", {ANY: "no call reaches it, so none goes well"}
    ),
    Planted(http.HasNoEntryPoint, "test_entry_point_leads_to_the_class", told={"installed": True}),
    Planted(http.ClaimsAFutureContract, "test_contract_is_a_level_of_this_kit"),
    Planted(http.ExplainsNothing, "test_settings_have_help_and_variables"),
    Planted(http.HasNoVariable, "test_settings_have_help_and_variables"),
    Planted(http.SharesAVariable, "test_variables_are_not_gauds_own"),
    Planted(http.GrowsItsSettings, "test_settings_are_the_same_from_the_environment"),
    Planted(http.KeepsItsKeyInTheOpen, "test_secrets_are_declared_as_secrets"),
    Planted(http.ShowsItsKeyInRepr, "test_secrets_do_not_show_in_repr"),
    Planted(http.ShowsItsKeyOnAPage, "test_secrets_do_not_show_on_pages"),
    Planted(
        http.ShowsItsKeyInErrors,
        "test_secrets_do_not_show_in_errors",
        {"test_secrets_do_not_show_in_the_log": "errors are logged"},
    ),
    Planted(http.LogsItsKey, "test_secrets_do_not_show_in_the_log"),
    Planted(SlowImport, "test_import_is_quick"),
    Planted(CallsHome, "test_import_does_nothing"),
    Planted(http.NeedsItsUpstreamToStart, "test_start_does_not_need_the_upstream"),
    Planted(http.NamesModelsWithPrefix, "test_models_are_named_without_prefix"),
    Planted(
        http.AsksForModelsAtTheWrongPlace,
        "test_models_come_without_a_crash",
        {ANY: "Gaud asks it again after some seconds, and where it asks that counts as a call"},
    ),
    Planted(http.TrustsTheListOfModels, "test_models_and_health_survive_a_broken_upstream"),
    Planted(http.SpendsTokensOnHealth, "test_models_and_health_spend_nothing"),
    Planted(http.CannotExplain, "test_explain_never_fails"),
    Planted(http.SendsToAnotherPath, "test_call_goes_to_the_endpoint"),
    Planted(http.WritesTheBodyAnew, "test_unknown_request_fields_survive"),
    Planted(http.WritesTheAnswerAnew, "test_unknown_reply_fields_survive"),
    Planted(http.TidiesStreams, "test_stream_bytes_are_untouched"),
    Planted(http.TellsUsageTwice, "test_usage_is_shown_to_those_who_ask"),
    Planted(http.HidesErrorsInStreams, "test_error_within_a_stream_has_no_done"),
    Planted(http.MakesUpUsage, "test_missing_usage_stays_missing"),
    Planted(http.RaisesRefusals, "test_upstreams_error_body_passes"),
    Planted(http.HidesRetryAfter, "test_retry_after_is_kept"),
    Planted(http.HidesOpenAIsHeaders, "test_answer_headers_pass"),
    Planted(http.ForgetsItsKey, "test_credentials_go_along"),
    Planted(http.AsksForNoUsage, "test_stream_asks_for_usage"),
    Planted(
        http.ConnectsForEachCall,
        "test_connections_are_used_again",
        {ANY: "on a busy machine so many connections take longer than a test waits"},
    ),
    Planted(
        http.HasItsOwnTimeLimit,
        "test_slow_start_is_waited_for",
        {ANY: "on a busy machine other calls take longer than its limit too"},
    ),
    Planted(http.KnowsNoTimeLimit, "test_slow_upstream_is_504"),
    Planted(http.WaitsForEverInStreams, "test_stalled_stream_ends_with_an_error"),
    Planted(http.CollectsStreams, "test_stream_starts_before_it_ends"),
    Planted(http.BlocksTheLoop, "test_event_loop_is_not_blocked"),
    Planted(http.LeavesATaskPerCall, "test_calls_leave_no_task"),
    Planted(http.LeavesATaskAfterStop, "test_stop_leaves_no_task"),
    Planted(http.LeavesAConnection, "test_stop_leaves_no_connection"),
    Planted(http.KeepsItsLock, "test_starts_and_stops_twice"),
    Planted(http.CannotStop, "test_starts_and_stops_twice"),
    Planted(
        http.GivesUpAfterAFailure,
        "test_serves_on_after_failures",
        {ANY: "the tests share one gateway, and it stays out of order there"},
    ),
    Planted(chat.SendsThePrefix, "test_model_goes_without_prefix"),
    Planted(chat.PutsTheKeyIntoTheURL, "test_credentials_go_along"),
    Planted(chat.SharesItsPrompt, "test_fifty_calls_at_once_do_not_mix"),
    Planted(chat.LosesTheStatus, "test_early_error_keeps_its_status"),
    Planted(chat.BlamesTheClient, "test_upstreams_failure_is_a_5xx"),
    Planted(chat.LosesTheWords, "test_upstreams_words_are_told"),
    Planted(chat.LosesRetryAfter, "test_retry_after_is_kept"),
    Planted(chat.SwallowsLateErrors, "test_late_error_is_an_event_without_done"),
    Planted(chat.GivesHalfAnAnswer, "test_whole_answer_that_breaks_off_is_502"),
    Planted(chat.NeedsNoEnd, "test_cut_answer_is_no_success"),
    Planted(chat.CrashesOnGarbage, "test_garbage_is_502"),
    Planted(chat.CrashesOnADeadUpstream, "test_dead_upstream_is_502"),
    Planted(chat.CrashesOnAReset, "test_reset_is_502"),
    Planted(
        chat.ReadsOnForNobody,
        "test_disconnect_closes_the_upstream_call",
        {
            "test_calls_leave_no_task": "the task of a client who has left goes on",
            "test_stop_leaves_no_task": "the task of a client who has left goes on",
        },
    ),
    Planted(
        chat.DecodesEachPiece,
        "test_text_survives_however_it_is_cut",
        {"test_streamed_tool_calls_arrive": "their bytes are cut inside characters too"},
    ),
    Planted(
        chat.AddsABlank,
        "test_same_text_whole_and_streamed",
        {"test_text_survives_however_it_is_cut": _SAME_TEXT},
    ),
    Planted(chat.FinishesTwice, "test_stream_has_openais_shape"),
    Planted(chat.FinishesInItsOwnWords, "test_whole_answer_has_openais_shape"),
    Planted(chat.ForgetsUsage, "test_usage_is_reported"),
    Planted(chat.MiscountsStreams, "test_usage_of_a_stream_is_reported"),
    Planted(chat.NumbersToolsAnew, "test_streamed_tool_calls_arrive"),
    Planted(chat.LosesArguments, "test_tool_calls_arrive"),
    Planted(chat.ExpectsText, "test_odd_messages_are_no_crash"),
    Planted(chat.KnowsNoParts, "test_parts_of_a_message_are_read"),
)
GOOD = (Planted(GoodHTTP, ""), Planted(GoodChat, ""))
