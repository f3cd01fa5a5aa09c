import Glibc
import WeirBPF

/// What runs that were killed left behind, and how all of a run goes.
public enum BenchLeftovers {
    /// Removes what is left of runs whose process is gone.
    /// - Returns: how many runs.
    @discardableResult
    public static func remove() -> Int {
        let places = [Names.namespaces, Names.bpffs, Names.folders, (try? Host.cgroupRoot()) ?? ""]
        let found = Set(places.flatMap(Folder.names(in:)).compactMap(Names.process(of:)))
        let dead = found.filter { kill($0, 0) != 0 && errno == ESRCH }
        for process in dead { remove("\(Names.prefix)\(process)") }
        return dead.count
    }

    /// Removes everything of one run. Processes first: they hold the rest.
    static func remove(_ name: String) {
        if let root = try? Host.cgroupRoot() { BenchCgroup.remove("\(root)/\(name)") }
        BenchInstallation.remove(name)
        for namespace in Folder.names(in: Names.namespaces) where namespace.hasPrefix("\(name)-") {
            _ = try? System.run(["ip", "netns", "delete", namespace], package: "iproute2")
        }
        let folder = "\(Names.folders)/\(name)"
        for file in Folder.names(in: folder) { unlink("\(folder)/\(file)") }
        rmdir(folder)
    }
}
