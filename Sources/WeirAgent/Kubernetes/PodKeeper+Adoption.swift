import Logging
import WeirKubernetes

/// Takes a pod over from a mesh's own rules, and gives it back.
extension PodKeeper {
    /// Connections that are established stay as they are; each new one is redirected by the rules or by Weir.
    /// - Throws: a sentence, after which the pod is as it was.
    func replaceRules(of name: String) async throws {
        let uid = try running(name).uid
        try await alone(with: uid) {
            let (uid, pod) = try running(name)
            guard pod.attachment?.meshed == nil, let namespace = pod.attachment?.namespace else {
                throw AdoptionError(status: 409, sentence: "\(name) is intercepted by Weir already")
            }
            do {
                try await ReplacedRules(namespace.cookie, pins).replace(in: namespace) {
                    try await putInForce(uid)
                }
            } catch let error as ReplacedRules.NoRules {
                throw AdoptionError(status: 409, sentence: "\(name): \(error)")
            } catch {
                await node.removePod(uid: uid)
                throw error
            }
            pods[uid]?.rules = nil
            logger.notice("rules replaced", metadata: ["pod": "\(name)"])
        }
    }

    /// The other way round.
    func restoreRules(of name: String) async throws {
        let uid = try running(name).uid
        try await alone(with: uid) {
            let (uid, pod) = try running(name)
            guard let namespace = pod.attachment?.namespace, case let rules = ReplacedRules(namespace.cookie, pins),
                rules.exist
            else { throw AdoptionError(status: 409, sentence: "\(name) was not taken over from rules of its mesh") }
            try rules.restore(in: namespace)
            rules.forget()
            await node.removePod(uid: uid)
            pods[uid]?.attachment?.meshed = nil
            await apply(uid)
            logger.notice("rules restored", metadata: ["pod": "\(name)"])
        }
    }

    /// Why a pod is left to its mesh's rules: two that redirect the same connection would hide its origin from each other.
    func rules(_ meshed: MeshedPod, _ attachment: PodRecord.Attachment) async throws -> String? {
        // Those that Weir took out for this pod do not come back by themselves.
        if ReplacedRules(attachment.namespace.cookie, pins).exist { return nil }
        if let container = meshed.iptablesContainer {
            return "its init container \(container) writes the mesh's iptables rules, which redirect its traffic"
        }
        let namespace = attachment.namespace
        let found = try await workshop(for: attachment).run { try namespace.meshRules() }
        return found.map { "the mesh's \($0)" }
    }

    private func running(_ name: String) throws(AdoptionError) -> (uid: String, pod: PodRecord) {
        // An earlier one of that name may not have been forgotten yet.
        let named = pods.values.filter { $0.name == name }
        guard let pod = named.first(where: { $0.attachment != nil }) ?? named.first else {
            throw AdoptionError(
                status: 404, sentence: "there is no pod \(name) on \(nodeName); write NAMESPACE/NAME, and ask its node")
        }
        switch pod.membership {
        case .exempt(let reason):
            throw AdoptionError(status: 409, sentence: "\(name) is not to be intercepted: \(reason)")
        case .invalid(let sentence): throw AdoptionError(status: 409, sentence: sentence)
        case .meshed: break
        }
        guard pod.attachment != nil else {
            throw AdoptionError(status: 409, sentence: "\(name) has no sandbox yet; try again when it runs")
        }
        return (pod.uid, pod)
    }
}

/// Why a pod was not moved.
struct AdoptionError: Error, CustomStringConvertible {
    /// The HTTP status.
    let status: Int
    let sentence: String
    var description: String { sentence }
}
