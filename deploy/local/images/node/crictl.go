// crictl, as far as kubeadm, kind and people who look for a broken pod need it: no package of Debian 12 brings one.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1alpha2"
	"k8s.io/kubernetes/pkg/kubelet/util"
)

const usage = `crictl [-r ENDPOINT] COMMAND

  info                    whether the runtime and its network are ready
  images                  the images
  inspecti IMAGE...       one image each, as JSON
  pull IMAGE              fetches an image
  rmi IMAGE...            removes images
  pods [-q]               the pods
  ps [-q]                 the containers, also those that ended
  stopp POD...            stops pods
  rmp POD...              removes pods

Options:
`

// A pull has as long as the registry takes.
const timeout = 2 * time.Minute

type clients struct {
	runtime cri.RuntimeServiceClient
	image   cri.ImageServiceClient
	quiet   bool
}

var commands = map[string]func(context.Context, clients, []string) error{
	"info":     info,
	"images":   images,
	"inspecti": each(inspectImage),
	"pull":     each(pull),
	"rmi":      each(removeImage),
	"pods":     pods,
	"ps":       containers,
	"stopp":    each(stopPod),
	"rmp":      each(removePod),
}

func main() {
	endpoint := pflag.StringP("runtime-endpoint", "r", "unix:///run/containerd/containerd.sock", "socket of the runtime")
	quiet := pflag.BoolP("quiet", "q", false, "only ids")
	pflag.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		pflag.PrintDefaults()
	}
	pflag.Parse()
	command, known := commands[pflag.Arg(0)]
	if !known {
		pflag.Usage()
		os.Exit(2)
	}
	if err := run(command, *endpoint, *quiet, pflag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crictl:", err)
		os.Exit(1)
	}
}

func run(command func(context.Context, clients, []string) error, endpoint string, quiet bool, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	address, dialer, err := util.GetAddressAndDialer(endpoint)
	if err != nil {
		return err
	}
	connection, err := grpc.DialContext(ctx, address, grpc.WithInsecure(), grpc.WithContextDialer(dialer))
	if err != nil {
		return err
	}
	defer connection.Close()
	return command(ctx, clients{cri.NewRuntimeServiceClient(connection), cri.NewImageServiceClient(connection), quiet}, args)
}

func each(one func(context.Context, clients, string) error) func(context.Context, clients, []string) error {
	return func(ctx context.Context, c clients, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("say which")
		}
		for _, arg := range args {
			if err := one(ctx, c, arg); err != nil {
				return err
			}
		}
		return nil
	}
}

func printJSON(value interface{}) error {
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func info(ctx context.Context, c clients, _ []string) error {
	answer, err := c.runtime.Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return err
	}
	return printJSON(map[string]interface{}{"status": answer.Status})
}

// Image sizes are texts there, as in every 64-bit number of a protobuf's JSON.
type imageStatus struct {
	ID          string   `json:"id"`
	RepoTags    []string `json:"repoTags"`
	RepoDigests []string `json:"repoDigests"`
	Size        string   `json:"size"`
}

func inspectImage(ctx context.Context, c clients, name string) error {
	answer, err := c.image.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
	if err != nil {
		return err
	}
	if answer.Image == nil {
		return fmt.Errorf("no such image %q present", name)
	}
	image := answer.Image
	status := imageStatus{image.Id, image.RepoTags, image.RepoDigests, strconv.FormatUint(image.Size_, 10)}
	return printJSON(map[string]imageStatus{"status": status})
}

func images(ctx context.Context, c clients, _ []string) error {
	answer, err := c.image.ListImages(ctx, &cri.ListImagesRequest{})
	if err != nil {
		return err
	}
	return c.table("IMAGE\tIMAGE ID\tSIZE", len(answer.Images), func(index int) (string, []interface{}) {
		image := answer.Images[index]
		return image.Id, []interface{}{image.RepoTags, image.Id, image.Size_}
	})
}

func pull(ctx context.Context, c clients, name string) error {
	_, err := c.image.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}})
	return err
}

func removeImage(ctx context.Context, c clients, name string) error {
	_, err := c.image.RemoveImage(ctx, &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: name}})
	return err
}

func pods(ctx context.Context, c clients, _ []string) error {
	answer, err := c.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	return c.table("POD ID\tNAMESPACE\tNAME\tSTATE", len(answer.Items), func(index int) (string, []interface{}) {
		pod := answer.Items[index]
		return pod.Id, []interface{}{pod.Id, pod.Metadata.Namespace, pod.Metadata.Name, pod.State}
	})
}

func containers(ctx context.Context, c clients, _ []string) error {
	answer, err := c.runtime.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return err
	}
	return c.table("CONTAINER\tNAME\tATTEMPT\tSTATE\tPOD ID", len(answer.Containers), func(index int) (string, []interface{}) {
		one := answer.Containers[index]
		return one.Id, []interface{}{one.Id, one.Metadata.Name, one.Metadata.Attempt, one.State, one.PodSandboxId}
	})
}

func stopPod(ctx context.Context, c clients, id string) error {
	_, err := c.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id})
	return err
}

func removePod(ctx context.Context, c clients, id string) error {
	_, err := c.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id})
	return err
}

func (c clients) table(head string, count int, row func(int) (string, []interface{})) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	if !c.quiet {
		fmt.Fprintln(out, head)
	}
	for index := 0; index < count; index++ {
		id, columns := row(index)
		if c.quiet {
			fmt.Fprintln(out, id)
			continue
		}
		for at, column := range columns {
			if at > 0 {
				fmt.Fprint(out, "\t")
			}
			fmt.Fprint(out, column)
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}
