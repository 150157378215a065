package main

import (
	"encoding/base64"
	"strings"
	"testing"
)

func tokenUntil(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func TestAChallengeIsDueBeforeItsTokensEnd(t *testing.T) {
	one, err := newRenewal(tokenUntil(`{"exp":1000,"sub":"a"}`), "next", 10*second)
	if err != nil || one.dueEpochMicros != 990*second {
		t.Fatalf("%v, %+v", err, one)
	}
	if err := one.challenged(989 * second); err == nil {
		t.Error("too early")
	}
	if err := one.challenged(990*second + 70_000); err != nil || one.lateMicros != 70_000 {
		t.Errorf("%v, late by %d", err, one.lateMicros)
	}
	one.postedAtMicros = 5
	if err := one.challenged(991 * second); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
}

func TestOnlyA204AnswersARenewalAndOnlyOnce(t *testing.T) {
	var none *renewal
	if none.answered("204", 9) == nil {
		t.Error("there was no challenge")
	}
	one := &renewal{postedAtMicros: 5}
	if one.answered("404", 9) == nil {
		t.Error("404 passed")
	}
	if err := one.answered("204", 9); err != nil || one.answeredAtMicros != 9 {
		t.Error(err)
	}
	if one.answered("204", 10) == nil {
		t.Error("a second answer passed")
	}
}

func TestWhatIsNoTokenIsAnError(t *testing.T) {
	for _, token := range []string{"", "a.b", "a.*.c", tokenUntil("no JSON")} {
		if _, err := expiry(token); err == nil {
			t.Errorf("%q passed", token)
		}
	}
}

func TestSilenceIsLateByWhatItLastsTooLong(t *testing.T) {
	one := &silence{dueMicros: 9 * second}
	for i, at := range []int64{1, 1 + 9*second, 1 + 18*second + 250_000} {
		one.broken(at, i > 0)
	}
	if one.lateMicros.count != 2 || one.lateMicros.max != 250_000 {
		t.Errorf("%d, %d", one.lateMicros.count, one.lateMicros.max)
	}
}
