import WeirBPF
import WeirCore
import WeirKubernetes

/// What the keeper knows of one pod of this node.
struct PodRecord {
    let name: String
    let uid: String
    /// As it stands in cgroup paths.
    let nodeUID: String
    var addresses: [String]
    var membership: Membership
    var attachment: Attachment?
    /// Why it is not intercepted although it should be.
    var problem: String?

    init(_ pod: Pod) {
        name = pod.name
        uid = pod.metadata.uid
        nodeUID = pod.nodeUID
        addresses = pod.addresses
        membership = Membership(pod)
    }

    /// A namespace that was found to be this pod's.
    struct Attachment {
        let namespace: HeldNamespace
        /// Says that the namespace is still the pod's: a process in it, or the name that the runtime gave it.
        var witness: String
        /// The sandbox that the CNI plugin named; nil when it was found otherwise.
        var containerID: String?
        /// The policy that is in force in it; nil for none.
        var meshed: MeshedPod?
    }

    var meshed: MeshedPod? { if case .meshed(let meshed) = membership { meshed } else { nil } }

    /// Is to be intercepted, and nobody knows yet where it is.
    var isSought: Bool { meshed != nil && attachment == nil }
}
