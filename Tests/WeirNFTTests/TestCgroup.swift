import Glibc

@testable import WeirNFT

/// A cgroup v2 of a test, removed with the object.
final class TestCgroup: Sendable {
    let path: String
    let cgroup: Cgroup

    private static var root: String? {
        ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].first { access("\($0)/cgroup.controllers", R_OK) == 0 }
    }

    static let isPossible = root != nil

    init(_ name: String) throws {
        guard let root = Self.root else { throw Socket.Failure(what: "there is no cgroup v2", code: 0) }
        path = "\(root)/weir-nft-test-\(getpid())-\(name)"
        try Socket.check(mkdir(path, 0o755), "mkdir \(path)")
        cgroup = try Cgroup(path, root: root)
    }

    deinit {
        for _ in 0..<100 where rmdir(path) != 0 && errno == EBUSY { usleep(10_000) }
    }
}
