// A Mercure hub of the bench: the library's own handler and local transport, published to in process.
//
// SPDX-License-Identifier: AGPL-3.0-only
package main

import (
	"net/http"
	"os"

	"fastify-kafka-sse/bench/peers/harness"

	"github.com/dunglas/mercure"
	"go.uber.org/zap"
)

// The topic that ../mercure/peer.mjs asks for, unless clients select keys: then each key is a private topic.
const topic = "records"

func main() {
	harness.Main(prepare)
}

func prepare(setup harness.Setup) (http.Handler, harness.Publish, error) {
	tokenKey, err := os.ReadFile(setup.TokenKeyFile)
	if err != nil {
		return nil, nil, err
	}
	transport := mercure.NewLocalTransport()
	hub, err := mercure.NewHub(
		mercure.WithTransport(transport),
		mercure.WithSubscriberJWT(tokenKey, "RS256"),
		mercure.WithLogger(zap.NewNop()),
	)
	if err != nil {
		return nil, nil, err
	}
	publish := func(key, value string) error {
		update := &mercure.Update{Topics: []string{topic}, Event: mercure.Event{Data: value}}
		if setup.Selects {
			update.Topics, update.Private = []string{key}, true
		}
		return transport.Dispatch(update)
	}
	return hub, publish, nil
}
