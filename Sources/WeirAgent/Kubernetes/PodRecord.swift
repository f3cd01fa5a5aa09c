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
    /// Why it is left to iptables rules that are in it, or will be; nil when it is not.
    var rules: String?
    /// The plugin named it before any list did; a list that is older must not remove it.
    var isExpected = false
    /// Its sandbox has gone; the plugin tells when there is another.
    var awaitsPlugin = false

    init(_ pod: Pod) {
        name = pod.name
        uid = pod.metadata.uid
        nodeUID = pod.nodeUID
        addresses = pod.addresses
        membership = Membership(pod)
    }

    /// Takes over what the keeper found out, and not the API server.
    mutating func keep(_ known: PodRecord) {
        attachment = known.attachment
        problem = known.problem
        rules = known.rules
        isExpected = known.isExpected
        awaitsPlugin = known.awaitsPlugin
        if addresses.isEmpty { addresses = known.addresses }
    }

    /// An annotation that became wrong while the pod runs takes nothing out of force: its connections would pass the proxy.
    /// - Returns: what is wrong, and that what was said before stays; nil when there is nothing to keep.
    mutating func keepInForce() -> String? {
        guard case .invalid(let sentence) = membership, let meshed = attachment?.meshed else { return nil }
        membership = .meshed(meshed)
        problem = "\(sentence); what was in force stays"
        return problem
    }

    /// A namespace that was found to be this pod's.
    struct Attachment {
        let namespace: HeldNamespace
        /// Says that the namespace is still the pod's: a process in it, or the name that the runtime gave it.
        var witness: String
        /// What the CNI plugin named; nil when it was found otherwise.
        var sandbox: CNIValid.Sandbox?
        /// The policy that is in force in it; nil for none.
        var meshed: MeshedPod?
        /// Nothing has run in it yet: the plugin is called before the first container, and no connection waits for a
        /// listener.
        var isNew = false
    }

    var meshed: MeshedPod? { if case .meshed(let meshed) = membership { meshed } else { nil } }

    /// Is to be intercepted, and nobody knows yet where it is.
    var isSought: Bool { meshed != nil && attachment == nil && !awaitsPlugin }
}
