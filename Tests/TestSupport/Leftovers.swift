import Foundation

/// What test processes that were killed could not clean up themselves.
public enum Leftovers {
    /// Removes namespaces, programs, cgroups and directories of test processes that are gone.
    static func sweep() {
        each { name, remove in
            guard let pid = owner(of: name), kill(pid, 0) != 0, errno == ESRCH else { return }
            remove()
        }
    }

    /// Removes what is left of this process; run at its exit.
    static func removeOwn() {
        each { name, remove in
            if owner(of: name) == getpid() { remove() }
        }
    }

    /// What there is of this process, for tests that leave nothing to say so.
    public static func own() -> [String] {
        var found: [String] = []
        each { name, _ in
            if owner(of: name) == getpid() { found.append(name) }
        }
        return found
    }

    private static func owner(of name: String) -> pid_t? {
        guard name.hasPrefix(Workspace.prefix) else { return nil }
        return name.dropFirst(Workspace.prefix.count).split { "-.".contains($0) }.first.flatMap { pid_t($0) }
    }

    private static func each(_ body: (_ name: String, _ remove: () -> Void) -> Void) {
        for name in names(in: "/run/netns") { body(name) { Namespace.remove(name) } }
        for name in names(in: "/tmp") { body(name) { try? FileManager.default.removeItem(atPath: "/tmp/\(name)") } }
        for name in names(in: "/run/weir") { body(name) { unlink("/run/weir/\(name)") } }
        for name in names(in: "/run/weir-state") {
            body(name) { try? FileManager.default.removeItem(atPath: "/run/weir-state/\(name)") }
        }
        // What is attached is so by its pin alone.
        for name in names(in: "/sys/fs/bpf") {
            body(name) { try? FileManager.default.removeItem(atPath: "/sys/fs/bpf/\(name)") }
        }
        for root in [Cgroup.root, Cgroup.memoryRoot].compactMap(\.self) {
            for name in names(in: root) { body(name) { Cgroup.remove("\(root)/\(name)") } }
        }
    }

    private static func names(in directory: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasPrefix(Workspace.prefix) }
    }
}
