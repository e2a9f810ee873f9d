// Command conformance uses a role in another account for some seconds with the AWS SDK for Go v2, and knows nothing
// of where its credentials come from. One JSON line a round; any error ends it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	bucket = "blah-reports"
	topic  = "arn:aws:sns:us-east-1:666666666666:blah-events"
)

type round struct {
	Arn         string   `json:"arn"`
	AccessKeyID string   `json:"access_key_id"`
	Buckets     []string `json:"buckets"`
	MessageID   string   `json:"message_id"`
}

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 2 {
		return errors.New("usage: conformance SECONDS")
	}
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	identity := sts.NewFromConfig(cfg)
	topics := sns.NewFromConfig(cfg)
	store := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })

	if err := putAndGet(ctx, store); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for end := time.Now().Add(time.Duration(seconds * float64(time.Second))); time.Now().Before(end); {
		r, err := once(ctx, cfg, identity, store, topics)
		if err != nil {
			return err
		}
		if err := out.Encode(r); err != nil {
			return err
		}
		time.Sleep(700 * time.Millisecond)
	}
	return nil
}

func once(ctx context.Context, cfg aws.Config, identity *sts.Client, store *s3.Client, topics *sns.Client) (*round, error) {
	who, err := identity.GetCallerIdentity(ctx, nil)
	if err != nil {
		return nil, err
	}
	listed, err := store.ListBuckets(ctx, nil)
	if err != nil {
		return nil, err
	}
	sent, err := topics.Publish(ctx, &sns.PublishInput{TopicArn: aws.String(topic), Message: aws.String("a round")})
	if err != nil {
		return nil, err
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	r := round{Arn: aws.ToString(who.Arn), AccessKeyID: credentials.AccessKeyID, MessageID: aws.ToString(sent.MessageId)}
	for _, b := range listed.Buckets {
		r.Buckets = append(r.Buckets, aws.ToString(b.Name))
	}
	return &r, nil
}

func putAndGet(ctx context.Context, store *s3.Client) error {
	key, body := aws.String("conformance/go.txt"), []byte("written by Go v2")
	if _, err := store.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: key, Body: bytes.NewReader(body)}); err != nil {
		return err
	}
	got, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: key})
	if err != nil {
		return err
	}
	defer got.Body.Close()
	read, err := io.ReadAll(got.Body)
	if err != nil {
		return err
	}
	if !bytes.Equal(read, body) {
		return fmt.Errorf("read back %q", read)
	}
	return nil
}
