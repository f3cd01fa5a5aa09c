import Logging
import WeirBPF
import WeirKubernetes

/// Where pods are that no plugin tells of, and whether those that are known are still there.
extension PodKeeper {
    func isSought(_ pod: PodRecord) -> Bool { pod.isSought && !isImpostor(pod) }

    /// The pod that runtimes and cgroup paths mean by a uid. What the API server calls a pod goes before what a pod says of
    /// itself, and of those that say it the oldest counts.
    func pod(known uid: String) -> PodRecord? {
        if let pod = pods[uid] { return pod }
        return pods.values.filter { $0.nodeUID == uid }.min { ($0.created, $0.uid) < ($1.created, $1.uid) }
    }

    /// Whether it says to be the static pod that another one is.
    func isImpostor(_ pod: PodRecord) -> Bool { pod.isMirror && self.pod(known: pod.nodeUID)?.uid != pod.uid }

    /// Pods whose sandboxes an earlier agent has written down, and which are there still.
    func attachNoted() async {
        for pod in pods.values where isSought(pod) {
            guard let note = notes.read(pod.uid), let held = try? HeldNamespace(foundAt: note.path),
                held.cookie == note.cookie
            else { continue }
            await alone(with: pod.uid) {
                guard let pod = pods[pod.uid], isSought(pod) else { return }
                await attach(pod.uid, PodRecord.Attachment(namespace: held, witness: note.path, sandbox: note.sandbox))
            }
        }
    }

    /// Others go on meanwhile: the plugin does not wait for it.
    func search(_ look: SearchPace.Look) async {
        let wanted = Dictionary(
            pods.values.filter(isSought).map { pod in
                (
                    pod.nodeUID,
                    PodProcesses.Wanted(
                        addresses: pod.hasStatedAddresses ? pod.addresses : [], note: notes.read(pod.uid))
                )
            }, uniquingKeysWith: { first, _ in first })
        guard !wanted.isEmpty else { return }
        let start = ContinuousClock.now
        let found = await Task.detached {
            look == .quick ? PodProcesses.find(wanted) : PodProcesses.findAnywhere(wanted)
        }.value
        if look == .quick { pace.took(.now - start) }
        // A pod whose lane is busy is looked at again; only the first list waits for it.
        let begun = pods.values.filter { isSought($0) && lanes[$0.uid] == nil }.compactMap { pod in
            found[pod.nodeUID].map { answer in
                Task { await alone(with: pod.uid) { await take(answer, pod.uid, wanted[pod.nodeUID]?.note) } }
            }
        }
        if !isSettled { for task in begun { await task.value } }
    }

    private func take(_ answer: PodProcesses.Answer, _ uid: String, _ note: SandboxNotes.Note?) async {
        guard let pod = pods[uid], isSought(pod) else { return }
        switch answer {
        case .refused(let sentence):
            if pod.problem != sentence {
                logger.error("pod not intercepted", metadata: ["pod": "\(pod.name)", "error": "\(sentence)"])
            }
            pods[uid]?.problem = sentence
        case .found(let process):
            // The process may have ended, and its number may be another's, between the two looks.
            guard let namespace = try? HeldNamespace(foundAt: process.path), namespace.inode == process.inode
            else { return }
            if let doubt = process.doubt, pod.doubt != doubt {
                logger.warning("a pod's processes disagree", metadata: ["pod": "\(pod.name)", "problem": "\(doubt)"])
            }
            pods[uid]?.doubt = process.doubt
            let isNoted = note?.cookie == namespace.cookie
            await attach(
                uid,
                PodRecord.Attachment(
                    namespace: namespace, witness: process.path, sandbox: isNoted ? note?.sandbox : nil))
        }
    }

    /// Called every few seconds: whether the namespaces are still their pods'. While one process of the pod is in the
    /// namespace that is held, that is the pod's, wherever the others are: another comes with the plugin's word, or when
    /// the last process has left.
    func refresh() {
        for (uid, pod) in pods where lanes[uid] == nil {
            guard let attachment = pod.attachment, !isThere(attachment) else { continue }
            Task {
                await alone(with: uid) { await confirm(uid) }
                startSearch()
            }
        }
        startSearch()
    }

    private func confirm(_ uid: String) async {
        guard let pod = pods[uid], let attachment = pod.attachment, !isThere(attachment) else { return }
        let (name, inode) = (pod.nodeUID, attachment.namespace.inode)
        let other = await Task.detached { PodProcesses.witness(of: name, in: inode) }.value
        if let other { pods[uid]?.attachment?.witness = other } else { await detach(uid) }
    }

    private func isThere(_ attachment: PodRecord.Attachment) -> Bool {
        NetworkNamespace.inode(of: attachment.witness) == attachment.namespace.inode
    }
}
