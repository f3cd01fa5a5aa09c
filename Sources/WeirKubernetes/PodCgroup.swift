/// Reads out of a process's cgroup paths which pod it belongs to, whatever wrote them.
///
///     /kubepods/burstable/pod1b2c…/3d4e…                                         cgroupfs driver (kubelet, v1 or v2)
///     /kubepods.slice/kubepods-pod1b2c_….slice/cri-containerd-3d4e….scope        systemd driver, containerd
///     …/kubepods-besteffort-pod1b2c_….slice/crio-3d4e….scope                     CRI-O
///     …/kubepods-burstable-pod1b2c_….slice/docker-3d4e….scope                    Docker
///     /system.slice/containerd.service/kubepods-pod1b2c_….slice:cri-containerd:3d4e…   drivers that do not agree
///     /../../kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1b2c_….slice/…   kind; seen from a container
///
/// (kubernetes/kubernetes pkg/kubelet/cm, GetPodContainerName and the systemd naming of cgroup_manager_linux.go.)
public enum PodCgroup {
    /// The uid of the pod, as the kubelet has it.
    /// - Parameter text: of `/proc/PID/cgroup`, a line a hierarchy; with v1 and hybrid any of them may say it.
    /// - Returns: nil when the process is in no pod.
    public static func podUID(in text: String) -> String? { places(in: text).first?.uid }

    /// A pod's folder of a hierarchy.
    public struct Place: Sendable, Hashable {
        public let uid: String
        /// Of the hierarchy, as cgroups(7) has them: empty for version 2, "cpu,cpuacct", "name=systemd".
        public let controllers: String
        /// From the hierarchy's root, as whoever reads it sees that, down to the pod's own folder.
        public let folder: String
    }

    /// The same with where it stands, for whoever wants to know who made the folder.
    public static func places(in text: String) -> [Place] {
        text.split(separator: "\n").compactMap { line in
            // hierarchy-ID:controller-list:cgroup-path (cgroups(7)); the path may have colons
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            // Beside the reader's own pod, what both have above them is not seen: cgroup_namespaces(7).
            guard fields.count == 3, fields[2].contains("kubepods") || fields[2].hasPrefix("/../") else { return nil }
            var folder = ""
            for component in fields[2].split(separator: "/") {
                folder += "/\(component)"
                // The first says whose it is: below it is what the pod makes.
                if let uid = component.split(separator: ":").lazy.compactMap(podUID(ofFolder:)).first {
                    return Place(uid: uid, controllers: String(fields[1]), folder: folder)
                }
            }
            return nil
        }
    }

    /// "pod" and the uid at the end of a name, before a slice's ending.
    /// - Parameter component: of a path below one that has "kubepods" in it.
    public static func podUID(ofFolder component: some StringProtocol) -> String? {
        let component = Substring(component)
        let name = component.hasSuffix(".slice") ? component.dropLast(6) : component
        let start: Substring.Index
        if name.hasPrefix("pod") {
            start = name.startIndex
        } else if let found = lastRange(of: "-pod", in: name) {
            start = name.index(after: found)
        } else {
            return nil
        }
        // systemd uses - for nesting, so that driver writes the uid's as _.
        let uid = String(name[start...].dropFirst(3).map { $0 == "_" ? "-" : $0 })
        let digits = uid.filter { $0 != "-" }
        // 32 hexadecimal digits: a UUID, or the hash of a static pod, which has no hyphens.
        guard digits.count == 32, digits.allSatisfy(\.isHexDigit) else { return nil }
        return uid
    }

    private static func lastRange(of text: String, in name: Substring) -> Substring.Index? {
        var index = name.endIndex
        while index > name.startIndex {
            index = name.index(before: index)
            if name[index...].hasPrefix(text) { return index }
        }
        return nil
    }
}
