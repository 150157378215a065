package main

import (
	"context"
	"net/http"
	"os"
	"strings"

	"fastify-kafka-sse/bench/peers/harness"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"
)

// claims are those of RFC 7519, and the keys whose channels the client gets.
type claims struct {
	jwt.RegisteredClaims
	Keys []string `json:"keys"`
}

type channelsKey struct{}

// channelsOf is what the token of a request grants, or what its client chooses; without either the one channel of all.
func channelsOf(ctx context.Context) []string {
	if channels, _ := ctx.Value(channelsKey{}).([]string); len(channels) > 0 {
		return channels
	}
	return []string{channel}
}

// newAuthenticator does with a token what Centrifugo does, because the library leaves that to its user. It checks
// signature, issuer, audience and expiry, and the connection ends with the token.
func newAuthenticator(setup harness.Setup) (func(http.Handler) http.Handler, error) {
	pem, err := os.ReadFile(setup.TokenKeyFile)
	if err != nil {
		return nil, err
	}
	key, err := jwt.ParseRSAPublicKeyFromPEM(pem)
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithIssuer(setup.Issuer),
		jwt.WithAudience(setup.Audience),
		jwt.WithExpirationRequired(),
	)
	keyOf := func(*jwt.Token) (any, error) { return key, nil }
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
			token, _ := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
			var claims claims
			if _, err := parser.ParseWithClaims(token, &claims, keyOf); err != nil {
				http.Error(response, "invalid token", http.StatusUnauthorized)
				return
			}
			credentials := &centrifuge.Credentials{UserID: claims.Subject, ExpireAt: claims.ExpiresAt.Unix()}
			channels := claims.Keys
			if len(channels) == 0 {
				channels = request.URL.Query()["key"]
			}
			ctx := context.WithValue(request.Context(), channelsKey{}, channels)
			next.ServeHTTP(response, request.WithContext(centrifuge.SetCredentials(ctx, credentials)))
		})
	}, nil
}
