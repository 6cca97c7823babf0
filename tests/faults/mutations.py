"""`make mutations`: break each invariant on purpose, one line each, in a copy. The harness must notice."""

import sys

from tests.support.mutating import Mutation, run

MUTATIONS = (
    Mutation(  # one form makes one order
        "I1",
        "numbers/services/orders/placement.py",
        "                form_token=form_token,\n",
        '                form_token=f"{form_token[:20]} {now}",\n',
        "tests/faults/test_people.py::test_34_twenty_times_the_same_form[sqlite]",
    ),
    Mutation(  # order, lines and event in one transaction
        "I2",
        "numbers/services/orders/placement.py",
        "        with transaction.atomic():\n            now = db_now()\n",
        '        with __import__("contextlib").nullcontext():\n            now = db_now()\n',
        "tests/faults/test_processes.py::test_24_killed_while_placing[sqlite]",
    ),
    Mutation(  # every write names the state and the generation it believes in
        "I3",
        "numbers/services/purchasing/transitions.py",
        "    as_known = as_known.filter(generation=line.generation, lease_by=line.lease_by)\n",
        "    as_known = Line.objects.filter(pk=line.pk)\n",
        "tests/faults/test_processes.py::test_25_stopped_past_lease_and_window[sqlite]",
    ),
    Mutation(  # a number that is ours already is not taken for a purchase
        "I4",
        "numbers/services/purchasing/selection.py",
        "    return client().find_number(phone_number) is not None\n",
        "    return False\n",
        "tests/faults/test_provider.py::test_16_search_offers_what_is_gone[sqlite]",
    ),
    Mutation(  # nothing leaves before it is on disk
        "I5",
        "numbers/services/purchasing/purchase.py",
        "def send_purchase(",
        "@transaction.atomic\ndef send_purchase(",
        "tests/faults/test_provider.py::test_on_disk_before_it_leaves[sqlite]",
    ),
    Mutation(  # people take turns
        "turns",
        "numbers/services/purchasing/worker.py",
        "    keys = _turns.in_turn(to_buy(room), room) if room else []\n",
        "    keys = sum(to_buy(room).values(), [])[:room]\n",
        "tests/services/purchasing/test_worker.py"
        "::test_people_take_turns_whoever_came_first_and_however_much_they_want",
    ),
    Mutation(  # our own mistake is not made for ever
        "ten times",
        "numbers/services/purchasing/worker.py",
        "        elif times >= TIMES:\n",
        "        elif False:\n",
        "tests/services/purchasing/test_worker.py"
        "::test_a_line_whose_step_raises_ten_times_in_a_row_goes_to_review_with_what_was_raised[planned]",
    ),
    Mutation(  # who was held up on the way to the send does not send
        "held up",
        "numbers/services/purchasing/purchase.py",
        "    if too_late or not line.lease_until or line.lease_until - db_now() < longest_call():\n",
        "    if False:\n",
        "tests/faults/test_processes.py::test_25_held_up_before_the_send[sqlite]",
    ),
    Mutation(  # only an answer with exactly that number is a purchase
        "I6",
        "numbers/services/purchasing/purchase.py",
        "    expected = info.number == asked if line.phone_number else info.number.startswith(asked)\n",
        "    expected = True\n",
        "tests/faults/test_provider.py::test_12_another_number[sqlite-none]",
    ),
    Mutation(  # whatever an answer is, the request had left
        "S1",
        "numbers/fluents/transport.py",
        "        status = status or status_heard(exchange.heard)\n",
        "        raise NotSent(request=name) from None\n",
        "tests/faults/test_provider.py::test_answer[sqlite-13_two_lengths]",
    ),
    Mutation(  # what could not be read is not absent
        "S1",
        "numbers/services/purchasing/readings.py",
        "            listing.require_whole()\n",
        "",
        "tests/faults/test_provider.py::test_13_a_list_that_cannot_be_read_whole_is_no_absence[sqlite-strange_items]",
    ),
    Mutation(  # what the history says decides, not the order's row
        "approval",
        "numbers/services/purchasing/clearance.py",
        "filter(~Exists(asked) | Exists(by_another), Exists(placed), approval__in=BUYABLE)\n",
        "filter(approval__in=BUYABLE)\n",
        "tests/faults/test_tampering.py::test_rows_that_somebody_changed_buy_nothing[sqlite-]",
    ),
    Mutation(  # small orders count together
        "splitting",
        "numbers/services/orders/limits.py",
        "    before = used(lately_without_approval(by))\n",
        "    before = Used()\n",
        "tests/faults/test_people.py::test_small_orders_at_once_pass_no_approval[sqlite-APPROVAL_LINES]",
    ),
    Mutation(  # what is being bought counts against a budget
        "budget",
        "numbers/services/orders/budgets.py",
        "    for provider, connection, names in open_lines():\n",
        "    for provider, connection, names in open_lines().none():\n",
        "tests/faults/test_people.py::test_small_orders_at_once_pass_no_approval[sqlite-BUDGET_MONTH]",
    ),
    Mutation(  # and holds what would pass it
        "budget",
        "numbers/services/orders/placement.py",
        "filter(None, [over, why_held(wants=wants, cost=cost)])",
        "filter(None, [over])",
        "tests/services/orders/test_budgets.py::test_an_order_that_would_pass_the_budget_waits",
    ),
    Mutation(  # of a lock that makes orders pass one at a time
        "one at a time",
        "numbers/services/orders/placement.py",
        "            gate.locked()  # orders race for the same limits, so they pass one at a time\n",
        "",
        "tests/faults/test_people.py::test_small_orders_at_once_pass_no_approval[postgres-APPROVAL_LINES]",
    ),
    Mutation(  # an account is its id
        "identity",
        "numbers/services/orders/limits.py",
        "        return Order.objects.filter(requested_by=by.user)\n",
        "        return Order.objects.filter(requested_by=by.user, requested_by_name=by.name)\n",
        "tests/services/orders/test_limits.py::test_a_renamed_account_keeps_its_days_limit",
    ),
    Mutation(  # nobody gets round a second person with a command
        "own command",
        "numbers/services/orders/approvals.py",
        '    now = namesake(asked.after.get("system_user", ""))\n',
        "    now = None\n",
        "tests/services/orders/test_approvals.py"
        "::test_the_order_of_a_command_is_not_approved_by_the_account_of_its_shells_user",
    ),
    Mutation(  # who asked is in the history, not in a row
        "asked by",
        "numbers/services/orders/approvals.py",
        '    accounts = {asked.actor_id, asked.after.get("account"), now and now.pk}\n',
        "    accounts = {asked.order.question.asked_by_id, now and now.pk}\n",
        "tests/services/orders/test_approvals.py::test_with_asked_by_emptied_nobody_approves_their_own",
    ),
    Mutation(  # an approval counts once it is sealed
        "sealed",
        "numbers/services/purchasing/clearance.py",
        ", seal__isnull=False\n",
        "\n",
        "tests/services/orders/test_evidence.py"
        "::test_an_order_is_cleared_by_a_sealed_approval_of_another_account_alone",
    ),
    Mutation(  # placing seals a digest of the order
        "digest",
        "numbers/services/orders/evidence.py",
        'if "digest" in event.after and self.digest(order, event) != event.after["digest"]:\n',
        "if False:\n",
        "tests/services/orders/test_evidence.py::test_a_row_of_an_order_that_was_edited_is_named",
    ),
    Mutation(  # two currencies are never added
        "currency",
        "numbers/services/orders/prices.py",
        " or self.currency != settings.LIMIT_CURRENCY:\n",
        ":\n",
        "tests/services/orders/test_limits.py::test_money_of_two_currencies_is_never_added",
    ),
    Mutation(  # a guard is its definition
        "guards",
        "numbers/db/append_only.py",
        "if there.get(name, wanted[name]) != wanted[name]\n",
        "if False\n",
        "tests/services/audit/test_seals.py::test_a_guard_that_is_not_what_we_put_up_is_a_fault",
    ),
    Mutation(  # a history that was cut off lacks ids
        "cut off",
        "numbers/db/append_only.py",
        "    return (newest + 1, given) if given > newest + skipped else None\n",
        "    return None\n",
        "tests/services/audit/test_seals.py::test_ids_missing_at_the_end_are_named",
    ),
    Mutation(  # a service asks for the right that its actor has now
        "rights",
        "numbers/services/audit/rights.py",
        "    user = User.objects.get(pk=by.user.pk)\n",
        "    user = by.user\n",
        "tests/services/audit/test_rights.py"
        "::test_a_service_refuses_whoever_has_not_the_right_any_more[place_order]",
    ),
    Mutation(  # a second factor confirms where there is one
        "confirming",
        "dashboard/accounts/views.py",
        'if method["id"] != "reauthenticate"] or found\n',
        "] or found\n",
        "tests/dashboard/accounts/test_confirming.py"
        "::test_who_has_a_second_factor_confirms_with_it_and_not_with_the_password",
    ),
    Mutation(  # refused pages are sampled
        "sampling",
        "numbers/middleware.py",
        "    if first or not secrets.randbelow(SAMPLE):\n",
        "    if True:\n",
        "tests/dashboard/accounts/test_confirming.py"
        "::test_of_many_refused_pages_of_a_kind_the_history_keeps_the_first_and_samples",
    ),
    Mutation(  # an unknown purchase keeps its number
        "I7",
        "numbers/services/purchasing/settlement.py",
        "    if attempt.outcome == Outcome.UNAVAILABLE and not line.by_area_code:\n",
        "    if not line.by_area_code:\n",
        "tests/faults/test_provider.py::test_answer[sqlite-02_reset_before_commit]",
    ),
    Mutation(  # a number that was refused is looked up over the whole window
        "refusal window",
        "numbers/services/purchasing/settlement.py",
        "    return absences >= enough and min(last, db_now()) >= since + window_of(line.refusal)\n",
        "    return absences >= enough\n",
        "tests/faults/test_refusals.py::test_44_refused_and_bought_by_area_code[sqlite-400-3.0]",
    ),
    Mutation(  # the shorter window is for plain noes alone
        "each refused",
        "numbers/services/purchasing/refusals.py",
        '    return meaning if set(sends) <= NOES else ""\n',
        "    return meaning\n",
        "tests/services/purchasing/test_settlement.py"
        "::test_a_refusal_after_a_send_that_got_no_answer_waits_for_the_whole_window[reset_before]",
    ),
    Mutation(  # a no counts for the purchase that it answered, and for no later one
        "each send anew",
        "numbers/services/purchasing/transitions.py",
        '    fields = {"refusal": "", "raised": 0} | fields |',
        '    fields = {"raised": 0} | fields |',
        "tests/services/purchasing/test_settlement.py"
        "::test_a_worker_that_dies_after_a_refusal_leaves_a_purchase_without_an_answer",
    ),
    Mutation(  # 401, 402 and 403 are made sure of like any other no
        "account",
        "numbers/services/purchasing/purchase.py",
        "    if refusal and line.guarantee == Guarantee.BLIND:",
        "    if refusal == Refusal.ACCOUNT or refusal and line.guarantee == Guarantee.BLIND:",
        "tests/faults/test_refusals.py::test_44_refused_and_bought_by_exact_number[sqlite-403-0.4]",
    ),
    Mutation(  # said to be taken, and found: perhaps by somebody else's purchase
        "phantom",
        "numbers/services/purchasing/settlement.py",
        "    if line.refusal == Refusal.TAKEN:\n",
        "    if False:\n",
        "tests/faults/test_provider.py::test_15_gateway_replay[sqlite]",
    ),
    Mutation(  # one line for each holding of a number
        "holding",
        "numbers/services/purchasing/purchase.py",
        "                    holding=number.holding,\n",
        "                    holding=number.lines.count() + 1,\n",
        "tests/faults/test_accounts.py::test_47_a_cached_answer[sqlite]",
    ),
    Mutation(  # a number that was given up and is bought again is another holding
        "bought again",
        "numbers/services/inventory/upsert.py",
        "        number.holding += number.status in AWAY\n",
        "",
        "tests/services/purchasing/test_holdings.py"
        "::test_a_number_that_was_released_and_is_bought_again_is_another_holding",
    ),
    Mutation(  # nobody takes the offers in their order
        "drawn",
        "numbers/services/purchasing/selection.py",
        "    return random.sample(found, len(found))\n",
        "    return found\n",
        "tests/services/purchasing/test_selection.py::test_offers_are_drawn_and_not_taken_in_their_order",
    ),
    Mutation(  # what we know of is ours before the purchase, though Fluents' list is behind
        "known before",
        "numbers/services/purchasing/purchase.py",
        "    return sorted({*listed, *booked, *evidence})\n",
        "    return sorted(listed)\n",
        "tests/services/purchasing/test_area_code_mode.py"
        "::test_a_number_that_the_list_showed_too_late_is_not_taken",
    ),
    Mutation(  # a token of another account
        "whose token",
        "numbers/services/fluents_client.py",
        "    if owners and user_id not in owners:\n",
        "    if owners and not owners:\n",
        "tests/faults/test_accounts.py::test_48_a_token_of_another_account[sqlite]",
    ),
    Mutation(  # many numbers are gone at once
        "gone",
        "numbers/services/inventory/account.py",
        "    if len(gone) > FEW and len(unlisted) > max(owned // SHARE, accepted):\n",
        "    if len(unlisted) < 0:\n",
        "tests/faults/test_accounts.py::test_49_suspiciously_many_numbers_are_gone[sqlite]",
    ),
    Mutation(  # a journal that never sent notices a database older than its newest seal
        "older",
        "numbers/services/spending/comparison.py",
        "        found.older = True\n",
        "        found.older = False\n",
        "tests/faults/test_restores.py::test_37_two_journals_one_idle[sqlite]",
    ),
    Mutation(  # the others owe a report as well
        "reports",
        "numbers/services/spending/gate.py",
        "    if left := [row for row in missing if row.name not in names]:\n",
        "    if left := []:\n",
        "tests/faults/test_restores.py::test_37_two_journals[sqlite]",
    ),
    Mutation(  # those that began after the backup, too
        "heard of",
        "numbers/services/spending/comparison.py",
        '        self.heard_of |= {info["id"]: info for info in entry["live"]}\n',
        "        pass\n",
        "tests/services/spending/test_journal.py::test_all_who_were_at_work_since_the_backup_owe_a_report",
    ),
    Mutation(  # a journal that is lost is missed
        "lost",
        "numbers/services/spending/registry.py",
        "        why = why or GONE\n",
        "        pass\n",
        "tests/faults/test_restores.py::test_37_no_journal[sqlite]",
    ),
    Mutation(  # a retired one is not used again
        "retired",
        "numbers/services/spending/registry.py",
        "    if row.retired_at:\n",
        "    if row.retired_at and False:\n",
        "tests/services/spending/test_journal.py::test_a_retired_journal_is_not_used_again",
    ),
    Mutation(  # a long last entry is read whole
        "long entry",
        "numbers/services/spending/journal.py",
        "            end, rest, block = start, first, ",
        '            end, rest, block = start, b"", ',
        "tests/services/spending/test_journal.py::test_a_last_entry_is_read_whole_however_long_it_is",
    ),
    Mutation(  # what cannot be read may be anything
        "torn end",
        "numbers/services/spending/comparison.py",
        "    if last and last[0] is None:\n",
        "    if False:\n",
        "tests/services/spending/test_journal.py"
        "::test_an_end_that_cannot_be_read_pauses_everything_until_a_person_has_seen_it",
    ),
    Mutation(  # a start does not read years
        "how far",
        "numbers/services/spending/comparison.py",
        "        return known and at < found.complete_at - LATEST_SEAL\n",
        "        return False\n",
        "tests/services/spending/test_journal.py"
        "::test_a_start_reads_no_further_than_to_a_seal_that_is_old_enough",
    ),
    Mutation(  # an order that the database has forgotten comes back with who placed it
        "rebuilt",
        "numbers/services/purchasing/replay.py",
        '        requested_by_name=asked["requested_by_name"],\n',
        "",
        "tests/faults/test_restores.py::test_37_order_placed_after_the_backup[sqlite]",
    ),
    Mutation(  # Fluents is looked at before the first send
        "look",
        "numbers/services/spending/obstacles.py",
        "    if _must_look_lately():\n",
        "    if _must_look_lately() and False:\n",
        "tests/services/spending/test_obstacles.py"
        "::test_nothing_is_sent_after_a_start_until_fluents_was_looked_at",
    ),
    Mutation(  # what nothing explains holds its area
        "hold",
        "numbers/services/inventory/holds.py",
        "update(standing=Standing.HOLDS)",
        "update(standing=Standing.WAIVED)",
        "tests/faults/test_restores.py::test_37_snapshot_of_everything[sqlite]",
    ),
    Mutation(  # and is told each day
        "told",
        "numbers/services/inventory/reconciliation.py",
        "    elif number.standing != Standing.EXPLAINED and",
        "    elif number.standing == Standing.HOLDS and",
        "tests/services/inventory/test_drift.py::test_numbers_bought_or_dropped_at_the_provider_never_appear",
    ),
    Mutation(  # one deadline, however the bytes drip
        "deadline",
        "numbers/fluents/connections.py",
        "        self._sock.settimeout(self._exchange.left(self._exchange.read))\n",
        "        self._sock.settimeout(self._exchange.read)\n",
        "tests/fluents/test_bad_peers.py"
        "::test_whatever_follows_the_request_leaves_the_outcome_unknown[headers byte by byte]",
    ),
    Mutation(  # looking the name up counts, too
        "name look-up",
        "numbers/fluents/connections.py",
        "        found = answer.get(timeout=exchange.left())\n",
        "        found = answer.get()\n",
        "tests/fluents/test_bad_peers.py"
        "::test_a_name_that_is_looked_up_too_long_means_not_sent_and_nothing_is_sent_afterwards",
    ),
    Mutation(  # of a handshake, a bad certificate alone proves that nothing was sent
        "handshake",
        "numbers/fluents/connections.py",
        "        except ssl.SSLCertVerificationError:\n",
        "        except OSError:\n",
        "tests/fluents/test_bad_peers.py"
        "::test_any_other_handshake_that_fails_proves_nothing_and_sends_nothing",
    ),
    Mutation(  # where a redirect leads nobody reads, nor its body without a bound
        "redirect",
        "numbers/fluents/connections.py",
        "    def get_redirect_target(",
        "    def _get_redirect_target(",
        "tests/fluents/test_bad_peers.py"
        "::test_a_body_without_an_end_is_read_no_further_than_to_its_limit[redirected, at length]",
    ),
    Mutation(  # what cannot be sent is found before there is a socket
        "unsendable",
        "numbers/fluents/connections.py",
        "            if not (value.isascii() and value.isprintable()):\n",
        "            if False:\n",
        "tests/fluents/test_bad_peers.py::test_what_cannot_be_sent_is_found_before_a_connection_is_opened",
    ),
    Mutation(  # an answer beyond reading leaves what could be read, and its status
        "evidence",
        "numbers/services/purchasing/purchase.py",
        "    attempt.answer = info.as_json() if info else (error and error.evidence) or None\n",
        "    attempt.answer = info.as_json() if info else None\n",
        "tests/services/purchasing/test_purchase.py"
        "::test_an_answer_that_cannot_be_read_leaves_its_status_and_what_could_be_read_as_evidence",
    ),
    Mutation(  # what was reported done is not asked for again
        "reported",
        "numbers/services/purchasing/settlement.py",
        "    if attempt.status and 200 <= attempt.status < 300:",
        "    if False:",
        "tests/services/purchasing/test_settlement.py"
        "::test_a_purchase_that_was_reported_done_and_is_not_there_is_not_sent_again[201]",
    ),
    Mutation(  # a sold out number does not sound like lost money
        "words",
        "numbers/services/purchasing/purchase.py",
        "        reason=sure or attempt.detail or",
        "        reason=attempt.detail or",
        "tests/services/purchasing/test_settlement.py"
        "::test_a_number_that_was_wanted_and_is_sold_out_says_that_it_was_not_bought",
    ),
    Mutation(  # a list that is read at length does not lose the lease
        "every page",
        "numbers/services/purchasing/readings.py",
        "        renew(line)\n\n    def end(",
        "\n    def end(",
        "tests/services/purchasing/test_readings.py"
        "::test_the_lease_is_renewed_with_every_page_and_whoever_has_lost_it_reads_no_further",
    ),
    Mutation(  # one reading for all lines that wait
        "read once",
        "numbers/services/purchasing/readings.py",
        "                if self._last and self._last.tells_of(line):\n",
        "                if False:\n",
        "tests/services/purchasing/test_readings.py::test_lines_that_waited_when_a_reading_began_share_it",
    ),
    Mutation(  # and it tells of those alone that were sent, and looked up last, before it
        "before the reading",
        "numbers/services/purchasing/readings.py",
        "        return self.waited.get(line.pk) == stage_of(line) and self.began >= line.due_at\n",
        "        return self.began >= line.due_at\n",
        "tests/services/purchasing/test_readings.py::test_no_line_counts_a_reading_twice",
    ),
    Mutation(  # what moved between two pages is not absent
        "moved",
        "numbers/services/purchasing/readings.py",
        "            listing.require_still()\n",
        "",
        "tests/services/purchasing/test_readings.py"
        "::test_what_was_not_read_whole_proves_no_absence_for_any_line[moved]",
    ),
    Mutation(  # the last complete look begins a window after the send
        "the last look",
        "numbers/services/purchasing/settlement.py",
        "    if sight.complete and is_settled(line, absences, sight.at):\n",
        "    if is_settled(line, absences, sight.at):\n",
        "tests/services/purchasing/test_settlement.py"
        "::test_a_look_that_saw_nothing_whole_does_not_settle_what_earlier_ones_have_not",
    ),
    Mutation(  # and it is as old as what it has read
        "as old",
        "numbers/services/purchasing/lookup.py",
        "    at = min(now, reading.began)\n",
        "    at = now\n",
        "tests/services/purchasing/test_readings.py::test_a_look_is_as_old_as_the_reading_that_it_shares",
    ),
    Mutation(  # looking ends by time, however often it was begun
        "by time",
        "numbers/services/purchasing/settlement.py",
        "        kept.save()\n    try:\n",
        "        pass\n    try:\n",
        "tests/services/purchasing/test_settlement.py"
        "::test_looks_that_never_end_go_to_a_person_by_time_however_often_they_were_begun",
    ),
    Mutation(  # an hour that a clock has jumped over did not pass
        "steady",
        "numbers/services/purchasing/settlement.py",
        "    since = max(line.sent, steady_since())\n",
        "    since = line.sent\n",
        "tests/faults/test_clocks.py::test_51_an_hour_that_did_not_pass_settles_nothing[sqlite-refused]",
    ),
    Mutation(  # nothing is due later than its longest wait from now
        "due times",
        "numbers/services/purchasing/expiry.py",
        "    mended += ahead.update(due_at=now, changed_at=now)\n",
        "",
        "tests/services/purchasing/test_expiry.py"
        "::test_a_clock_that_jumps_an_hour_ahead_and_back_stops_no_line",
    ),
    Mutation(  # nor the gate's next send
        "next send",
        "numbers/services/spending/gate.py",
        "    if now < gate.next_send_at <= now + _spacing():",
        "    if now < gate.next_send_at:",
        "tests/services/spending/test_gate.py::test_a_turn_that_a_clock_gave_an_hour_ahead_holds_nobody_up",
    ),
    Mutation(  # nor what Fluents asked for while the clock was ahead
        "pauses",
        "numbers/services/spending/gate.py",
        "        if at and gate.not_before and gate.not_before > at:\n",
        "        if False:\n",
        "tests/services/test_scheduler.py::test_a_pause_that_fluents_asked_for_is_as_long_as_was_asked",
    ),
    Mutation(  # a backup from between two sends that were written down in another order
        "each send",
        "numbers/services/spending/comparison.py",
        '    asked = [entry for entry in last if entry and "key" in entry]\n',
        '    asked = [entry for entry in last if entry and "key" in entry][:1]\n',
        "tests/services/spending/test_journal.py::test_the_quick_check_asks_for_each_of_the_last_sends",
    ),
    Mutation(  # once a minute at least the journal has the newest seal
        "minute",
        "numbers/services/spending/comparison.py",
        '    return not -JUMP < db_now() - datetime.fromisoformat(last["at"]) < SEAL_EVERY',
        "    return False",
        "tests/services/spending/test_journal.py"
        "::test_a_worker_keeps_the_newest_seal_and_who_is_live_about_once_a_minute",
    ),
    Mutation(  # a disk that has room again
        "disk",
        "numbers/services/purchasing/recovery.py",
        "        gate.heal(registry.here())\n",
        "        pass\n",
        "tests/faults/test_machine.py::test_29_journal_disk_full[sqlite]",
    ),
    Mutation(  # a silent database is given up
        "silence",
        "dashboard/settings.py",
        'DATABASE_PATIENCE", default=0 if set(sys.argv[1:2]) & MIGRATING else 15)',
        'DATABASE_PATIENCE", default=0)',
        "tests/faults/test_silence.py::test_workers_and_webs_whose_sessions_go_silent_go_on",
    ),
    Mutation(  # a dead machine's locks end
        "dead machine",
        "dashboard/settings.py",
        " -c lock_timeout=10s",
        "",
        "tests/faults/test_silence.py::test_a_dead_machine_that_holds_the_gate_stops_nobody_for_long",
    ),
    Mutation(  # a child that says nothing is replaced
        "heartbeat",
        "numbers/supervisor.py",
        "        if self.silence and now - self.heard_at > self.silence:\n",
        "        if False:\n",
        "tests/faults/test_processes.py::test_33_stopped_and_replaced[sqlite]",
    ),
    Mutation(  # what could not be read is not gone
        "unread",
        "numbers/services/inventory/sync.py",
        "        if not counts.unreadable:\n",
        "        if True:\n",
        "tests/services/inventory/test_sync.py"
        "::test_a_sync_that_could_not_read_everything_says_so_and_marks_nothing_gone",
    ),
    Mutation(  # without a price nobody knows whether it is below the threshold
        "unpriced",
        "numbers/services/orders/limits.py",
        "    if most_cost and cost is None:\n",
        "    if False:\n",
        "tests/services/orders/test_limits.py"
        "::test_what_has_no_price_in_the_currency_of_limits_needs_approval",
    ),
    Mutation(  # prices are not negative and in a currency that there is, for the database as well
        "prices",
        "numbers/models/prices.py",
        "condition=Q(once__gte=0, monthly__gte=0),\n",
        "condition=Q(once__gte=-99, monthly__gte=-99),\n",
        "tests/services/orders/test_prices.py::test_a_wrong_price_is_set_by_nobody",
    ),
    Mutation(  # what was called before a restore is not called again by the same page
        "page of before",
        "numbers/services/calls/proofs.py",
        "        if opened and restored and restored >= opened:\n",
        "        if False:\n",
        "tests/services/calls/test_proofs.py"
        "::test_a_form_from_before_a_restore_calls_no_other_line_either[True]",
    ),
    Mutation(  # only what is done is called
        "row done",
        "numbers/services/calls/row_proofs.py",
        "plan__proving=True, state=RowState.DONE, proof=None",
        "plan__proving=True, proof=None",
        "tests/services/calls/test_row_proofs.py::test_a_line_that_was_as_wanted_before_is_not_called",
    ),
    Mutation(  # nor what another agent answers by now
        "row reassigned",
        "numbers/services/calls/row_proofs.py",
        '.filter(number__agent__api_id=KT("after__agent"))',
        "",
        "tests/services/calls/test_row_proofs.py::test_in_the_end_nobody_waits_any_more[reassigned]",
    ),
    Mutation(  # nor while that is being changed
        "row busy",
        "numbers/services/calls/row_proofs.py",
        '    still = ~Exists(moving().filter(number=OuterRef("number")))',
        "    still = ~Exists(moving().none())",
        "tests/services/calls/test_row_proofs.py::test_a_plan_that_is_undone_before_its_calls_makes_none",
    ),
    Mutation(  # nor by a call that was asked for before that
        "call changed",
        "numbers/services/calls/proof_work.py",
        'if proof.number.agent_id != proof.agent_id else ""',
        'if False else ""',
        "tests/services/calls/test_row_proofs.py::test_nor_one_whose_call_was_asked_for_already",
    ),
    Mutation(  # a restored plan asks for the same call
        "row name",
        "numbers/services/calls/row_proofs.py",
        '        name=f"plan {row.plan.key} number {row.number.e164}",\n',
        '        name=f"plan {row.plan.applied_at} number {row.number.e164}",\n',
        "tests/services/calls/test_row_proofs.py::test_a_restored_database_makes_no_call_that_the_journal_has[drafted]",
    ),
    Mutation(  # and looks for it since it was made
        "row earliest",
        "numbers/services/calls/proof_work.py",
        "        return proof.row.plan.created_at\n",
        "        return proof.asked_at\n",
        "tests/services/calls/test_row_proofs.py::test_nor_one_that_is_in_another_machine_s_journal[drafted]",
    ),
    Mutation(  # calls take who may spend
        "row right",
        "numbers/services/plans/lifecycle.py",
        "        demand(by, Right.BUY)  # calls cost money\n",
        "        demand(by, Right.ASSIGN)  # calls cost money\n",
        "tests/services/calls/test_row_proofs.py::test_calls_take_who_may_spend_money[assigner]",
    ),
    Mutation(  # a plan that is stopped makes no more
        "row stop",
        "numbers/services/plans/lifecycle.py",
        "        uncalled = Plan.objects.filter(pk=plan_id, proving=True).update(proving=False)\n",
        "        uncalled = 0\n",
        "tests/services/calls/test_row_proofs.py::test_calls_that_wait_can_be_stopped_once_all_is_assigned",
    ),
)


def chosen(names: list[str]) -> list[Mutation]:
    """All of them, or those that have one of NAMES."""
    return [mutation for mutation in MUTATIONS if not names or mutation.of in names]


if __name__ == "__main__":
    sys.exit(run(chosen(sys.argv[1:]), FAULTS="all"))
