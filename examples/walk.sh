#!/usr/bin/env bash
# Walk through one cancellation against a running Counteroffer, as a front end would: begin, say why, turn every offer
# down, cancel, and see it done. Stops with a message and a status of 1 at the first answer that is not as it should be.
#
#     cargo run -- demo                      # prints a token and a subscription
#     TOKEN=… SUBSCRIPTION=sub_… examples/walk.sh
#     examples/walk.sh TOKEN SUBSCRIPTION [BASE]
#
# It really cancels the subscription at the end of its period. Needs bash, curl and python3 (to read JSON).
set -euo pipefail

TOKEN="${1:-${TOKEN:?give a customer token as TOKEN}}"
SUBSCRIPTION="${2:-${SUBSCRIPTION:?give the subscription to cancel as SUBSCRIPTION}}"
BASE="${3:-${BASE:-http://127.0.0.1:8080}}"
# How often to ask again while billing is being changed, a second apart.
PATIENCE=60
# Names this walk, and with a number each of its requests.
walk="walk-$(date +%s)-$$-$RANDOM"
sent=0

fail() { printf 'walk.sh: %s\n' "$*" >&2; exit 1; }

# call METHOD PATH [BODY]: sends a request; leaves the answer in $answer and its status in $status.
call() {
  local reply
  local options=(--silent --show-error --max-time 40 --request "$1" --header "Authorization: Bearer $TOKEN")
  if [ $# -gt 2 ]; then
    # Sent again with the same key, a request changes nothing twice.
    sent=$((sent + 1))
    options+=(--header 'Content-Type: application/json' --header "Idempotency-Key: $walk-$sent" --data "$3")
  fi
  reply="$(curl "${options[@]}" --write-out '\n%{http_code}' "$BASE$2")" || fail "cannot reach $BASE"
  status="${reply##*$'\n'}"
  answer="${reply%$'\n'*}"
  printf '%s %s -> %s\n' "$1" "$2" "$status"
}

# pick EXPRESSION: what a Python expression over the answer, as `a`, comes to; a list is printed one item a line.
pick() {
  python3 -c '
import json, sys
a = json.loads(sys.argv[1])
value = eval(sys.argv[2], {"a": a})
print("\n".join(map(str, value)) if isinstance(value, list) else value)
' "$answer" "$1" || fail "cannot find $1 in: $answer"
}

# want STATUS…: stops unless the last answer has one of these.
want() {
  local wanted
  for wanted in "$@"; do [ "$status" = "$wanted" ] && return; done
  fail "expected $*, got $status: $answer"
}

# same WHAT EXPRESSION VALUE: stops unless the expression comes to the value.
same() {
  local found
  found="$(pick "$2")"
  [ "$found" = "$3" ] || fail "expected $1 to be $3, got $found: $answer"
}

# The promise that holds at every step.
way_out() { same 'the way out' 'a["exit"]["cancel_url"]' "/v1/sessions/$session/cancel"; }

echo '# Begin'
call POST /v1/sessions "{\"subscription\": \"$SUBSCRIPTION\"}"
want 200 201 # 200: one was open already
session="$(pick 'a["id"]')"
same 'the status' 'a["status"]' in_progress
way_out

echo '# Say why'
reason="$(pick '([r["key"] for r in a["survey"]["reasons"]] or [""])[0]')"
if [ -n "$reason" ]; then
  call POST "/v1/sessions/$session/answers" "{\"reason\": \"$reason\"}"
  want 200
  same 'the reason' 'a["survey"]["answer"]' "$reason"
  way_out
fi

echo '# Turn down every offer'
while offer="$(pick '([o["id"] for o in a["offers"] if o["state"] == "presented"] or [""])[0]')" && [ -n "$offer" ]; do
  pick '[o["type"] + ": " + o["copy"]["headline"] for o in a["offers"] if o["state"] == "presented"][0]'
  call POST "/v1/sessions/$session/offers/$offer/decline" '{}'
  want 200
  way_out
done
same 'the step' 'a["step"]' confirm

echo '# Cancel at the end of the period'
call POST "/v1/sessions/$session/cancel" '{"when": "period_end"}'
want 200 202
while [ "$(pick 'a["status"]')" = in_progress ]; do
  # Accepted for good, and on its way to Stripe.
  same 'billing' 'a["billing"]["state"]' applying
  PATIENCE=$((PATIENCE - 1))
  [ "$PATIENCE" -gt 0 ] || fail "the cancellation is accepted, but Stripe has not confirmed it yet: $answer"
  sleep 1
  call GET "/v1/sessions/$session"
  want 200
done

echo '# Done'
call GET "/v1/sessions/$session"
want 200
same 'the status' 'a["status"]' canceled
same 'billing' 'a["billing"]["state"]' applied
same 'the actions left' 'a["actions"]' ''
printf 'The subscription %s ends at %s.\n' "$SUBSCRIPTION" "$(pick 'a["effective_at"]')"
