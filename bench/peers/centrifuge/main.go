// A Centrifuge node of the bench, with the in-memory broker. A server-side subscription puts every client on one
// channel, and this process publishes to it.
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

func prepare(setup harness.Setup) (http.Handler, func(value string) error, error) {
	authenticate, err := newAuthenticator(setup)
	if err != nil {
		return nil, nil, err
	}
	node, err := newNode()
	if err != nil {
		return nil, nil, err
	}
	publish := func(value string) error {
		_, err := node.Publish(channel, []byte(value))
		return err
	}
	return authenticate(streamEvents(node)), publish, nil
}

func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{ClientQueueMaxSize: queueBytesMax})
	if err != nil {
		return nil, err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Subscriptions:      map[string]centrifuge.SubscribeOptions{channel: {}},
			MaxMessagesInFrame: -1,
		}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnRefresh(func(_ centrifuge.RefreshEvent, answer centrifuge.RefreshCallback) {
			answer(centrifuge.RefreshReply{Expired: true}, nil)
		})
	})
	return node, node.Run()
}
