import WeirBPF
import WeirKubernetes

/// What the CNI plugin asks for. A sandbox comes and goes by these calls, before its pod's first container and after
/// its last.
extension PodKeeper {
    /// A new sandbox. When this returns, the kernel holds the pod's policy, or the pod needs none.
    func add(_ request: CNIRequest) async throws -> CNIAnswer {
        let namespace: HeldNamespace
        do {
            namespace = try HeldNamespace(foundAt: request.netns)
        } catch {
            throw CNIError(status: 400, sentence: "\(error)")
        }
        if await node.isWaiting {
            throw CNIError(
                status: 503, sentence: "Weir takes over from another version, and does not know all pods yet")
        }
        let uid: String
        if let known = try known(request) {
            uid = known.uid
        } else {
            uid = try await fetch(request)
        }
        return try await alone(with: uid) {
            guard pods[uid] != nil else { throw Self.unknown(request) }
            pace.isTold = true
            pods[uid]?.isExpected = true
            pods[uid]?.awaitsPlugin = false
            pods[uid]?.doubt = nil
            if pods[uid]?.addresses.isEmpty == true {
                pods[uid]?.addresses = (request.addresses ?? []).map { String($0.prefix { $0 != "/" }) }
            }
            let sandbox = CNIValid.Sandbox(containerID: request.containerID, ifName: request.ifName)
            let isNew = pods[uid]?.attachment?.namespace.cookie != namespace.cookie
            await attach(
                uid,
                PodRecord.Attachment(namespace: namespace, witness: request.netns, sandbox: sandbox, isNew: isNew))
            pods[uid]?.attachment?.isNew = false
            return try verdict(uid, request)
        }
    }

    /// Whether what `add` did is still so.
    func check(_ request: CNIRequest) async throws -> CNIAnswer {
        guard let uid = try (known(request) ?? pods.values.first { $0.name == request.pod })?.uid else {
            throw Self.unknown(request)
        }
        return try await alone(with: uid) {
            guard pods[uid]?.meshed == nil || pods[uid]?.attachment != nil else {
                throw CNIError(
                    status: 404, sentence: "the sandbox \(request.containerID) of \(request.pod) is not registered")
            }
            return try verdict(uid, request)
        }
    }

    /// A sandbox that goes. Also one that is not known: this never fails.
    func delete(_ request: CNIRequest) async -> CNIAnswer {
        let inode = NetworkNamespace.inode(of: request.netns)
        /// One that was found without the plugin is known by its namespace.
        func isMeant(_ pod: PodRecord?) -> Bool {
            guard let attachment = pod?.attachment else { return false }
            return attachment.sandbox.map { $0.containerID == request.containerID && $0.ifName == request.ifName }
                ?? (attachment.namespace.inode == inode)
        }
        for uid in pods.filter({ isMeant($0.value) }).keys {
            await alone(with: uid) {
                guard isMeant(pods[uid]) else { return }
                await detach(uid)
                pods[uid]?.awaitsPlugin = true
            }
        }
        return CNIAnswer(.done, "the sandbox is gone")
    }

    /// Forgets the sandboxes that the runtime has no more.
    func collect(_ request: CNIValid) async -> CNIAnswer {
        let valid = Set(request.valid)
        func isGone(_ pod: PodRecord?) -> Bool { pod?.attachment?.sandbox.map { !valid.contains($0) } ?? false }
        var count = 0
        for uid in pods.filter({ isGone($0.value) }).keys {
            await alone(with: uid) {
                guard isGone(pods[uid]) else { return }
                await detach(uid)
                count += 1
            }
        }
        return CNIAnswer(.done, "sandboxes forgotten: \(count)")
    }

    /// - Throws: when `add` could not be answered for a new pod.
    func readiness() throws(CNIError) -> CNIAnswer {
        if let failure { throw CNIError(status: 503, sentence: "the API server cannot be followed: \(failure)") }
        guard isSettled else { throw CNIError(status: 503, sentence: "the pods of this node are not known yet") }
        return CNIAnswer(.ready, "pods of \(nodeName) can be added")
    }

    /// The pod that is meant, as far as the API server has told of it; nil where it has to be asked: a runtime that tells
    /// no uid may mean a pod that came under the name of one that is known.
    private func known(_ request: CNIRequest) throws(CNIError) -> PodRecord? {
        guard let uid = request.podUID, !uid.isEmpty, let pod = pod(known: uid) else { return nil }
        guard pod.name == request.pod else {
            throw CNIError(
                status: 409, sentence: "the uid \(uid) is that of the pod \(pod.name), not of \(request.pod)")
        }
        return pod
    }

    /// Asks the API server for the pod, and takes it in.
    /// - Returns: its uid there.
    private func fetch(_ request: CNIRequest) async throws -> String {
        let pod: Pod
        do {
            pod = try await server.pod(namespace: request.podNamespace, name: request.podName)
        } catch let error as APIError where error.isNotFound {
            throw Self.unknown(request)
        } catch let error as OddPod {
            throw CNIError(status: 422, sentence: "\(request.pod): \(error)")
        } catch {
            throw CNIError(status: 503, sentence: "\(request.pod) cannot be looked up: \(error)")
        }
        let uid = pod.metadata.uid
        if let said = request.podUID, !said.isEmpty, said != uid, said != pod.nodeUID {
            throw CNIError(status: 409, sentence: "\(request.pod) is another pod by now, with the uid \(uid)")
        }
        guard pods[uid] != nil || pods.count < PodWatch.limit else {
            throw CNIError(status: 503, sentence: "\(request.pod): \(OddObject(tooMany: pod).sentence)")
        }
        try await alone(with: uid) {
            // The watch may have told more meanwhile.
            if let known = pods[uid]?.version, let fetched = pod.version, fetched < known { return }
            guard let record = await record(of: pod, urgent) else {
                throw CNIError(status: 422, sentence: "\(request.pod): its annotations take too long to read")
            }
            await update(record)
            pods[uid]?.isExpected = true
        }
        if let said = request.podUID, !said.isEmpty, self.pod(known: said)?.uid != uid {
            throw CNIError(
                status: 409, sentence: "\(request.pod) says to be the static pod \(said), which another pod is")
        }
        return uid
    }

    private func verdict(_ uid: String, _ request: CNIRequest) throws(CNIError) -> CNIAnswer {
        guard let record = pods[uid] else { throw Self.unknown(request) }
        switch record.membership {
        case .exempt(let reason): return CNIAnswer(.exempt, reason)
        case .invalid(let sentence): throw CNIError(status: 422, sentence: sentence)
        case .meshed(let meshed):
            if let reason = record.rules { return CNIAnswer(.iptables, reason) }
            guard record.attachment?.meshed != nil else {
                throw CNIError(status: 500, sentence: record.problem ?? "\(record.name) is not in the kernel")
            }
            return CNIAnswer(.intercepted, "\(meshed.mesh), with the proxy known by \(meshed.proxyIdentity)")
        }
    }

    private static func unknown(_ request: CNIRequest) -> CNIError {
        CNIError(
            status: 404,
            sentence: "the API server knows no pod \(request.pod)"
                + (request.podUID.map { $0.isEmpty ? "" : " with the uid \($0)" } ?? ""))
    }
}
