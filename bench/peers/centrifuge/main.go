// A Centrifuge node of the bench: in-memory broker, every client on one channel by a server-side subscription, published
// to in process.
package main

import (
	"context"
	"fmt"
	"os"

	"fastify-kafka-sse/bench/peers/harness"

	"github.com/centrifugal/centrifuge"
)

const (
	channel = "records"
	// queueBytesMax holds several seconds of the fastest workload: a client that is behind is to be counted, not cut off.
	queueBytesMax = 16 << 20
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run() error {
	setup, err := harness.ReadSetup()
	if err != nil {
		return err
	}
	authenticate, err := newAuthenticator(setup)
	if err != nil {
		return err
	}
	node, err := newNode()
	if err != nil {
		return err
	}
	return harness.Serve(setup, authenticate(streamEvents(node)), func(value string) error {
		_, err := node.Publish(channel, []byte(value))
		return err
	})
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
