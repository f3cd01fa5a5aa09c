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
        let fetched = try await specification(request)
        return try await turnstile.pass {
            if let fetched { await update(fetched) }
            guard let uid = uid(of: request) else { throw Self.unknown(request) }
            pace.isTold = true
            pods[uid]?.isExpected = true
            pods[uid]?.awaitsPlugin = false
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
        try await turnstile.pass {
            guard let uid = uid(of: request) else { throw Self.unknown(request) }
            guard pods[uid]?.meshed == nil || pods[uid]?.attachment != nil else {
                throw CNIError(
                    status: 404, sentence: "the sandbox \(request.containerID) of \(request.pod) is not registered")
            }
            return try verdict(uid, request)
        }
    }

    /// A sandbox that goes. Also one that is not known: this never fails.
    func delete(_ request: CNIRequest) async -> CNIAnswer {
        await turnstile.pass {
            let inode = NetworkNamespace.inode(of: request.netns)
            for (uid, pod) in pods {
                guard let attachment = pod.attachment else { continue }
                // One that was found without the plugin is known by its namespace.
                let isMeant =
                    attachment.sandbox.map { $0.containerID == request.containerID && $0.ifName == request.ifName }
                    ?? (attachment.namespace.inode == inode)
                guard isMeant else { continue }
                await detach(uid)
                pods[uid]?.awaitsPlugin = true
            }
        }
        return CNIAnswer(intercepted: false, reason: "the sandbox is gone")
    }

    /// Forgets the sandboxes that the runtime has no more.
    func collect(_ request: CNIValid) async -> CNIAnswer {
        let valid = Set(request.valid)
        let gone = await turnstile.pass {
            let gone = pods.filter { $0.value.attachment?.sandbox.map { !valid.contains($0) } ?? false }
            for uid in gone.keys { await detach(uid) }
            return gone.count
        }
        return CNIAnswer(intercepted: false, reason: "sandboxes forgotten: \(gone)")
    }

    /// - Throws: when `add` could not be answered for a new pod.
    func readiness() throws(CNIError) -> CNIAnswer {
        if let failure { throw CNIError(status: 503, sentence: "the API server cannot be followed: \(failure)") }
        guard isSettled else { throw CNIError(status: 503, sentence: "the pods of this node are not known yet") }
        return CNIAnswer(intercepted: false, reason: "pods of \(nodeName) can be added")
    }

    /// What the API server says of the pod; nil when that is known already.
    private func specification(_ request: CNIRequest) async throws(CNIError) -> Pod? {
        if request.podUID?.isEmpty == false, uid(of: request) != nil { return nil }
        let pod: Pod
        do {
            pod = try await server.pod(namespace: request.podNamespace, name: request.podName)
        } catch let error as APIError where error.isNotFound {
            throw Self.unknown(request)
        } catch {
            throw CNIError(status: 503, sentence: "\(request.pod) cannot be looked up: \(error)")
        }
        if let uid = request.podUID, !uid.isEmpty, uid != pod.metadata.uid, uid != pod.nodeUID {
            throw CNIError(
                status: 409, sentence: "\(request.pod) is another pod by now, with the uid \(pod.metadata.uid)")
        }
        return pod
    }

    private func uid(of request: CNIRequest) -> String? {
        if let uid = request.podUID, !uid.isEmpty {
            return pods[uid] != nil ? uid : pods.values.first { $0.nodeUID == uid }?.uid
        }
        return pods.values.first { $0.name == request.pod }?.uid
    }

    private func verdict(_ uid: String, _ request: CNIRequest) throws(CNIError) -> CNIAnswer {
        guard let record = pods[uid] else { throw Self.unknown(request) }
        switch record.membership {
        case .exempt(let reason): return CNIAnswer(intercepted: false, reason: reason)
        case .invalid(let sentence): throw CNIError(status: 422, sentence: sentence)
        case .meshed(let meshed):
            if let reason = record.rules { return CNIAnswer(intercepted: false, reason: reason) }
            guard record.attachment?.meshed != nil else {
                throw CNIError(status: 500, sentence: record.problem ?? "\(record.name) is not in the kernel")
            }
            return CNIAnswer(
                intercepted: true, reason: "\(meshed.mesh), with the proxy known by \(meshed.proxyIdentity)")
        }
    }

    private static func unknown(_ request: CNIRequest) -> CNIError {
        CNIError(
            status: 404,
            sentence: "the API server knows no pod \(request.pod)"
                + (request.podUID.map { $0.isEmpty ? "" : " with the uid \($0)" } ?? ""))
    }
}
