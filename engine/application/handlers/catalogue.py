"""Canteens, menus, benefit rules and access keys."""

from typing import Any

from engine.application.decision import Decision, States, StreamAppend
from engine.deciders import acceptance, access_key, canteen, menu, rulebook
from engine.deciders.stream_type import StreamType
from engine.domain import commands, ids
from engine.domain.events import Event


class CatalogueHandlers:
    """Handlers of what the office prepares before anyone eats."""

    def open_canteen(self, command: commands.OpenCanteen, states: States) -> Decision:
        """Open a canteen or change it."""
        stream = ids.canteen_stream(command.profile.canteen_id)
        events = canteen.decide_opening(states.get(canteen.CANTEEN, stream), command)
        return _decided(canteen.CANTEEN, stream, events, {"canteen_id": command.profile.canteen_id})

    def publish_menu(self, command: commands.PublishMenu, states: States) -> Decision:
        """Put a menu in force."""
        profile = canteen.require_profile(
            states.get(canteen.CANTEEN, ids.canteen_stream(command.canteen_id)), command.canteen_id
        )
        stream = ids.menu_stream(command.canteen_id, command.business_day, command.meal_period)
        state = states.get(menu.MENU, stream)
        events = menu.decide_publication(state, command, profile)
        answer = {
            "canteen_id": command.canteen_id,
            "business_day": command.business_day.isoformat(),
            "meal_period": command.meal_period,
            "version": state.version + len(events),
        }
        return _decided(menu.MENU, stream, events, answer)

    def publish_acceptance_policy(self, command: commands.PublishAcceptancePolicy, states: States) -> Decision:
        """Let a canteen bill from other limits, from the next tray on."""
        canteen.require_profile(states.get(canteen.CANTEEN, ids.canteen_stream(command.canteen_id)), command.canteen_id)
        stream = ids.acceptance_stream(command.canteen_id)
        state = states.get(acceptance.ACCEPTANCE, stream)
        events = acceptance.decide_publication(state, command)
        answer = {"canteen_id": command.canteen_id, "version": state.version + len(events)}
        return _decided(acceptance.ACCEPTANCE, stream, events, answer)

    def publish_rule(self, command: commands.PublishBenefitRule, states: States) -> Decision:
        """Add a benefit rule in its next version."""
        events = rulebook.decide_rule_publication(states.get(rulebook.RULEBOOK, ids.RULEBOOK_STREAM), command)
        answer = {"rule_id": command.rule.rule_id, "version": command.rule.version}
        return _decided(rulebook.RULEBOOK, ids.RULEBOOK_STREAM, events, answer)

    def issue_key(self, command: commands.IssueAccessKey, states: States) -> Decision:
        """Issue a key; the secret itself is known to the caller only."""
        stream = ids.access_key_stream(command.key_id)
        events = access_key.decide_key_issue(states.get(access_key.ACCESS_KEY, stream), command)
        return _decided(access_key.ACCESS_KEY, stream, events, {"key_id": command.key_id, "role": command.role.value})

    def revoke_key(self, command: commands.RevokeAccessKey, states: States) -> Decision:
        """Revoke a key for good."""
        stream = ids.access_key_stream(command.key_id)
        events = access_key.decide_key_revocation(states.get(access_key.ACCESS_KEY, stream), command)
        return _decided(access_key.ACCESS_KEY, stream, events, {"key_id": command.key_id})


def _decided(
    stream_type: StreamType[Any],
    stream: str,
    events: tuple[Event, ...],
    answer: dict[str, Any],
) -> Decision:
    appends = (StreamAppend(stream_type=stream_type, stream=stream, events=events),) if events else ()
    return Decision(appends=appends, answer={**answer, "changed": bool(events)})
