import ArgumentParser
import Foundation
import Glibc
import WeirBench
import WeirCore

/// A report as files, beside the one that is printed.
struct ReportPages: ParsableArguments {
    @Option(help: ArgumentHelp("Write the report to this file as one page with curves.", valueName: "file"))
    var html: String?
    @Option(
        help: ArgumentHelp("Write the report to this file as Markdown, its curves beside it as SVG.", valueName: "file")
    )
    var markdown: String?

    func validate() throws {
        for path in [html, markdown].compactMap(\.self) { try Self.requireFolder(of: path) }
    }

    func write(_ report: Report) throws {
        if let html { try Self.write(report.html, to: html) }
        guard let markdown else { return }
        let (text, pictures) = report.markdown
        try Self.write(text, to: markdown)
        for (name, picture) in pictures { try Self.write(picture, to: "\(Self.folder(of: markdown))/\(name)") }
    }

    static func requireFolder(of path: String) throws {
        guard access(folder(of: path), W_OK | X_OK) != 0 else { return }
        throw ValidationError(
            "\(path) cannot be written: \(folder(of: path)): \(String(cString: strerror(errno)).lowercased()).")
    }

    static func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            let cause = (error as? CocoaError)?.underlying as? POSIXError
            let reason = cause.map { String(cString: strerror($0.code.rawValue)).lowercased() }
            throw InvalidValue("cannot write \(path): \(reason ?? error.localizedDescription)")
        }
    }

    private static func folder(of path: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }
}
