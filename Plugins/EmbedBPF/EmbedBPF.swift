import Foundation
import PackagePlugin

/// Compiles `bpf/weir.bpf.c` with clang's BPF target and writes the object into a Swift source file,
/// so that neither clang nor a separate file is needed where Weir runs.
@main struct EmbedBPF: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let bpf = context.package.directoryURL.appending(path: "bpf")
        let script = context.package.directoryURL.appending(path: "Plugins/EmbedBPF/embed.sh")
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedObject.swift")
        let sources = try [bpf, bpf.appending(path: "include/weir")].flatMap { folder in
            try FileManager.default.contentsOfDirectory(atPath: folder.path)
                .filter { $0.hasSuffix(".h") || $0.hasSuffix(".bpf.c") }
                .sorted()
                .map { folder.appending(path: $0) }
        }
        let clang =
            ProcessInfo.processInfo.environment["WEIR_CLANG"]
            ?? (try? context.tool(named: "clang").url.path) ?? "clang"
        return [
            .buildCommand(
                displayName: "Compiling weir.bpf.c",
                executable: URL(fileURLWithPath: "/bin/sh"),
                arguments: [script.path, clang, bpf.path, output.path],
                inputFiles: sources + [script],
                outputFiles: [output])
        ]
    }
}
