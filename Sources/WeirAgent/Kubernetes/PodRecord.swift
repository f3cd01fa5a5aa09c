import WeirBPF
import WeirCore
import WeirKubernetes

/// What the keeper knows of one pod of this node.
struct PodRecord {
    let name: String
    let uid: String
    /// The uid in cgroup paths, as far as the pod says it.
    let nodeUID: String
    /// When the API server made it: of two that say to be the same static pod, the older one is.
    let created: String
    let version: UInt64?
    /// Of all that the membership was decided by.
    let digest: Int
    /// Its containers have ended; the address may be another pod's tomorrow.
    let isOver: Bool
    var addresses: [String]
    /// Whether the API server has said these addresses; what the plugin told is not evidence of its own.
    var hasStatedAddresses: Bool
    var membership: Membership
    var attachment: Attachment?
    /// Why it is not intercepted although it should be.
    var problem: String?
    /// What speaks against the namespace that was found for it.
    var doubt: String?
    /// Why it is left to iptables rules that are in it, or will be; nil when it is not.
    var rules: String?
    /// The plugin named it before any list did; a list that is older must not remove it.
    var isExpected = false
    /// Its sandbox has gone; the plugin tells when there is another.
    var awaitsPlugin = false

    /// - Parameter known: what was known of it; if that was decided by the same, it is not decided again.
    init(_ pod: Pod, known: PodRecord?) {
        name = pod.name
        uid = pod.metadata.uid
        nodeUID = pod.nodeUID
        created = pod.metadata.creationTimestamp ?? ""
        version = pod.version
        digest = pod.digest
        isOver = pod.isOver
        addresses = pod.addresses
        hasStatedAddresses = !pod.addresses.isEmpty
        membership = if let known, known.digest == digest { known.membership } else { Membership(pod) }
    }

    /// Takes over what the keeper found out, and not the API server.
    mutating func keep(_ known: PodRecord) {
        attachment = known.attachment
        problem = known.problem
        doubt = known.doubt
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

        var note: SandboxNotes.Note {
            SandboxNotes.Note(
                containerID: sandbox?.containerID, ifName: sandbox?.ifName, path: namespace.foundAt,
                cookie: namespace.cookie, inode: namespace.inode)
        }
    }

    var meshed: MeshedPod? { if case .meshed(let meshed) = membership { meshed } else { nil } }

    /// Whether it says to be a static pod.
    var isMirror: Bool { nodeUID != uid }

    /// It is to be intercepted, and it is not known yet where it is.
    var isSought: Bool { meshed != nil && attachment == nil && !awaitsPlugin }
}
