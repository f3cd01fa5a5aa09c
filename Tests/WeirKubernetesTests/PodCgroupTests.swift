import Testing

@testable import WeirKubernetes

@Suite struct PodCgroupTests {
    static let uid = "0b0f6d1c-5f0e-4f5a-9a57-6f8e0a1b2c3d"
    static let slice = "0b0f6d1c_5f0e_4f5a_9a57_6f8e0a1b2c3d"
    static let container = "3f1c5b0e9a7d4c2b8e6f0a1d3c5b7e9f3f1c5b0e9a7d4c2b8e6f0a1d3c5b7e9f"

    /// `/proc/PID/cgroup` as runtimes, drivers and layouts write it.
    static let files: [(String, String)] = [
        (
            "containerd, cgroupfs, v1",
            """
            12:pids:/kubepods/besteffort/pod\(uid)/\(container)
            4:memory:/kubepods/besteffort/pod\(uid)/\(container)
            1:name=systemd:/kubepods/besteffort/pod\(uid)/\(container)
            """
        ),
        (
            "containerd, cgroupfs, hybrid, found in the v2 line only",
            """
            4:memory:/
            0::/kubepods/burstable/pod\(uid)/\(container)
            """
        ),
        ("containerd, cgroupfs, v2, Guaranteed", "0::/kubepods/pod\(uid)/\(container)\n"),
        (
            "containerd, systemd, v2",
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(slice).slice/cri-containerd-\(container).scope\n"
        ),
        (
            "containerd, systemd, v2, Guaranteed",
            "0::/kubepods.slice/kubepods-pod\(slice).slice/cri-containerd-\(container).scope"
        ),
        (
            "containerd, systemd, v1",
            """
            11:memory:/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(slice).slice/cri-containerd-\(container).scope
            0::/
            """
        ),
        (
            "CRI-O, systemd, v2, with a cgroup of the container's own below",
            "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(slice).slice/crio-\(container).scope/container"
        ),
        ("CRI-O, cgroupfs", "0::/kubepods/burstable/pod\(uid)/crio-\(container)"),
        (
            "Docker, systemd",
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(slice).slice/docker-\(container).scope"
        ),
        (
            "Docker, cgroupfs, v1", "9:cpu,cpuacct:/kubepods/besteffort/pod\(uid)/\(container)"
        ),
        (
            "kubelet with systemd, containerd with cgroupfs",
            "0::/system.slice/containerd.service/kubepods-besteffort-pod\(slice).slice:cri-containerd:\(container)"
        ),
        (
            "kind, seen from a container with a cgroup namespace",
            "0::/../../kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod\(slice).slice/cri-containerd-\(container).scope"
        ),
    ]

    @Test("the pod is found whatever the runtime, the driver and the layout", arguments: Self.files)
    func found(what: String, text: String) {
        #expect(PodCgroup.podUID(in: text) == Self.uid, "\(what)")
    }

    @Test("a static pod's uid is a hash")
    func staticPod() {
        #expect(
            PodCgroup.podUID(in: "0::/kubepods/burstable/pod8b0b1d5cf24c1b3c0c7b5ad2e8b3f7a1/abc")
                == "8b0b1d5cf24c1b3c0c7b5ad2e8b3f7a1")
    }

    @Test(
        "what is in no pod",
        arguments: [
            "0::/system.slice/containerd.service", "0::/user.slice/user-0.slice/session-1.scope", "0::/", "",
            "0::/kubepods.slice/kubepods-burstable.slice", "0::/kubepods/podless/x",
            "0::/user.slice/libpod-\(Self.container).scope", "0::/machine.slice/pod\(Self.uid)",
        ])
    func notFound(text: String) {
        #expect(PodCgroup.podUID(in: text) == nil)
    }
}
