package main

import (
	"net/http"
	"os"
	"strings"

	"fastify-kafka-sse/bench/peers/harness"

	"github.com/centrifugal/centrifuge"
	"github.com/golang-jwt/jwt/v5"
)

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
			var claims jwt.RegisteredClaims
			if _, err := parser.ParseWithClaims(token, &claims, keyOf); err != nil {
				http.Error(response, "invalid token", http.StatusUnauthorized)
				return
			}
			credentials := &centrifuge.Credentials{UserID: claims.Subject, ExpireAt: claims.ExpiresAt.Unix()}
			next.ServeHTTP(response, request.WithContext(centrifuge.SetCredentials(request.Context(), credentials)))
		})
	}, nil
}
