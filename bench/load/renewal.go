package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// renewal is how one client answers the challenge before its token's end. It does so once, because the new token lasts
// longer than any run.
type renewal struct {
	token            string
	dueEpochMicros   int64
	lateMicros       int64 // How long after it was due the challenge came; 0 before that.
	postedAtMicros   int64
	answeredAtMicros int64
}

const (
	challengeResponse = "application/x-challenge-response"
	renewalStreamID   = 3
)

// newRenewal is for a client with one token, and another one for the answer.
func newRenewal(token, answer string, aheadMicros int64) (*renewal, error) {
	exp, err := expiry(token)
	return &renewal{token: answer, dueEpochMicros: exp*second - aheadMicros}, err
}

func (r *renewal) challenged(epochMicros int64) error {
	if r.postedAtMicros > 0 {
		return errors.New("challenged twice")
	}
	if epochMicros < r.dueEpochMicros-second/1000 {
		return fmt.Errorf("challenged %d µs before it was due", r.dueEpochMicros-epochMicros)
	}
	r.lateMicros = max(epochMicros-r.dueEpochMicros, 1)
	return nil
}

func (r *renewal) answered(status string, nowMicros int64) error {
	if r == nil || r.postedAtMicros == 0 || r.answeredAtMicros > 0 {
		return errors.New("an answer to nothing that was asked")
	}
	if status != "204" {
		return fmt.Errorf("status %s to a renewal", status)
	}
	r.answeredAtMicros = nowMicros
	return nil
}

// expiry reads `exp` of a JWT, in whole seconds of the epoch.
func expiry(token string) (int64, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0, errors.New("a token that is no JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return 0, err
	}
	var claims struct {
		Exp int64 `json:"exp"`
	}
	return claims.Exp, json.Unmarshal(payload, &claims)
}

// silence is how late bytes come that must end it. On a stream without records these are heartbeats.
type silence struct {
	dueMicros  int64
	sinceTime  int64
	lateMicros histogram
}

func (s *silence) broken(nowMicros int64, counts bool) {
	if s.sinceTime > 0 && counts {
		s.lateMicros.add(nowMicros - s.sinceTime - s.dueMicros)
	}
	s.sinceTime = nowMicros
}
