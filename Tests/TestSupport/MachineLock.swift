import Foundation

/// Weir's programs sit at the root cgroup of the whole machine, so tests that compare the machine before and after
/// need it to themselves. Others hold the lock together. Across processes too; released when its holder dies.
public final class MachineLock: Sendable {
    public enum Kind: Sendable { case shared, exclusive }

    private let descriptor: Int32

    /// Waits. After five minutes it goes on without: a comparison that then fails says what it found.
    public init(_ kind: Kind) {
        let descriptor = open("/run/weir-test.lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
        self.descriptor = descriptor
        guard descriptor >= 0 else { return }
        let wanted = (kind == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB
        _ = Eventually.value(within: 300) { flock(descriptor, wanted) == 0 ? true : nil }
    }

    deinit { close(descriptor) }
}
