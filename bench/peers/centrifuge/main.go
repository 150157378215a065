// A Centrifuge node of the bench, with the in-memory broker. Server-side subscriptions put every client on one channel,
// or on a channel for each key that it selects, and this process publishes to them.
package main

import (
	"context"
	"net/http"

	"fastify-kafka-sse/bench/peers/harness"

	"github.com/centrifugal/centrifuge"
)

const (
	channel = "records"
	// queueBytesMax holds several seconds of the fastest workload, so that a client that is behind is counted and not
	// disconnected.
	queueBytesMax = 16 << 20
)

func main() {
	harness.Main(prepare)
}

func prepare(setup harness.Setup) (http.Handler, harness.Publish, error) {
	authenticate, err := newAuthenticator(setup)
	if err != nil {
		return nil, nil, err
	}
	node, err := newNode()
	if err != nil {
		return nil, nil, err
	}
	publish := func(key, value string) error {
		to := channel
		if setup.Selects {
			to = key
		}
		_, err := node.Publish(to, []byte(value))
		return err
	}
	return authenticate(streamEvents(node)), publish, nil
}

func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{ClientQueueMaxSize: queueBytesMax})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		subscriptions := map[string]centrifuge.SubscribeOptions{}
		for _, one := range channelsOf(ctx) {
			subscriptions[one] = centrifuge.SubscribeOptions{}
		}
		return centrifuge.ConnectReply{Subscriptions: subscriptions, MaxMessagesInFrame: -1}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnRefresh(func(_ centrifuge.RefreshEvent, answer centrifuge.RefreshCallback) {
			answer(centrifuge.RefreshReply{Expired: true}, nil)
		})
	})
	return node, node.Run()
}
