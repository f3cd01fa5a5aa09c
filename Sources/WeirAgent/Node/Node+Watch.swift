import Logging
import WeirBPF

/// Whether what was put in force still is.
extension Node {
    /// Called every two seconds, beside everything else: what somebody has removed, detached or replaced is put back.
    /// Until that succeeds, `notInForce` says what is gone.
    func restoreInterception() {
        guard !isLeftAlone else { return }
        var broken: [String] = []
        for one in ebpf?.restore() ?? [] {
            guard let failure = one.failure else {
                repaired(one)
                continue
            }
            let sentence = "\(one.finding): \(failure)"
            broken.append(sentence)
            if !notInForce.contains(sentence) {
                logger.error("interception is not in force", metadata: ["what": "\(sentence)"])
            }
        }
        notInForce = broken
        for present in workloads.values {
            guard let noted = present.noted, !namespaces.isNoted(present.resolved) else { continue }
            let finding = "the note of \(present.resolved.publicPath) was removed"
            do {
                try namespaces.write(noted, of: present.resolved)
                repaired(Restoration(.note, finding))
            } catch {
                notInForce.append("\(finding): \(error)")
            }
        }
    }

    func repaired(_ one: Restoration) {
        repairs[one.subject, default: 0] += 1
        logger.warning(
            "part of the interception was gone; it is restored",
            metadata: ["what": "\(one.subject.rawValue)", "found": "\(one.finding)"])
    }
}
