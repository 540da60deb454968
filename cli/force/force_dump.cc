#include "force/force_dump.h"

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "force/core_file.h"
#include "force/descriptors.h"
#include "force/live_process.h"
#include "force/region_copy.h"
#include "report/report.h"
#include "symbolize/elf_symbols.h"
#include "symbolize/java_symbolizer.h"

namespace fdorigin {
namespace {

Coverage ReadCoverage(const RegionCopy& region) {
  const FactNumbers& numbers = region.facts().numbers();
  Coverage coverage;
  coverage.since_startup = numbers.since_startup.load() != 0;
  coverage.libraries = static_cast<int>(numbers.libraries.load());
  coverage.slots = static_cast<int>(numbers.slots.load());
  for (FactText& entry : region.facts().All(FactKind::kLibcEntry)) {
    coverage.libc_entries.push_back(std::move(entry.text));
  }
  for (FactText& refused : region.facts().All(FactKind::kRefused)) {
    coverage.refused.push_back({std::move(refused.text), std::move(refused.reason)});
  }
  for (FactText& unread : region.facts().All(FactKind::kUnreadable)) {
    coverage.refused.push_back(
        {std::move(unread.text), std::move(unread.reason), /*hides_calls=*/false});
  }
  coverage.dropped = region.table().dropped() + region.methods().dropped();
  coverage.memory_bytes = region.region().used();
  return coverage;
}

// The frames of a stack, with the names that the agent kept and those that ELF files have.
class Symbolizer {
 public:
  Symbolizer(const RegionCopy* region, NativeSymbolizer::FindFiles find_files)
      : region_(region),
        native_(&region->images(), &region->strings(), std::move(find_files)),
        java_(nullptr, nullptr, &region->methods(), &region->strings()) {}

  std::vector<SymbolizedFrame> FramesOf(StackId id) {
    std::vector<SymbolizedFrame> frames;
    const std::vector<Frame> stack = region_->stacks().Get(id);
    const bool methods_wrong = region_->facts().numbers().methods_wrong.load() != 0;
    for (const Frame& frame : methods_wrong ? WithoutMethods(stack) : stack) {
      frames.push_back(frame.kind == FrameKind::kNative ? native_.Symbolize(frame)
                                                        : java_.Symbolize(frame));
      frames.back().gap = frame.gap != 0;
      if (frame.kind == FrameKind::kJava) {
        frames.back().nameless_because =
            "this JVM's methods were kept by ids that only the JVM itself has names for";
      }
    }
    return frames;
  }

 private:
  const RegionCopy* region_;
  NativeSymbolizer native_;
  JavaSymbolizer java_;
};

// Whether the process was restored from a checkpoint since the agent came: the agent has noted it,
// or nobody has told the agent, but this is not the process that it came into.
bool WasRestored(const LiveProcess& process, const FactNumbers& numbers) {
  const uint64_t then = numbers.start_ticks.load();
  const std::optional<uint64_t> now = ProcessStartTicks(process.proc());
  return numbers.restored.load() != 0 || (then != 0 && now && *now != then);
}

std::string Render(const RegionCopy& region, const Snapshot& snapshot, ProcessFacts process,
                   bool restored, NativeSymbolizer::FindFiles find_files) {
  Symbolizer symbolizer(&region, std::move(find_files));
  const FactStore& facts = region.facts();
  ReportInput input;
  input.snapshot = &snapshot;
  input.table = &region.table();
  input.trigger.kind = "force";
  input.coverage = ReadCoverage(region);
  input.jvm = {facts.Latest(FactKind::kJvmName), facts.Latest(FactKind::kJvmVersion),
               facts.Latest(FactKind::kJvmVendor)};
  input.process = std::move(process);
  input.stack = [&](StackId id) { return symbolizer.FramesOf(id); };
  input.string = [&](StringId id) { return std::string(region.strings().Get(id)); };
  if (facts.numbers().methods_wrong.load() != 0) {
    input.withdrawn = [&](StackId id) { return HasMethods(region.stacks().Get(id)); };
  }
  input.restored = restored;
  input.libc_entries = facts.numbers().libc_entries.load() != 0;
  return RenderReport(input);
}

absl::StatusOr<ForcedReport> Finish(ForcedReport report) {
  if (report.content.empty()) return absl::ResourceExhaustedError("there is not enough memory");
  return report;
}

}  // namespace

absl::StatusOr<ForcedReport> ForceDumpProcess(int pid) {
  const absl::StatusOr<std::unique_ptr<LiveProcess>> process = LiveProcess::Open(pid);
  if (!process.ok()) return process.status();
  const absl::StatusOr<std::unique_ptr<RegionCopy>> region = RegionCopy::Make(process->get());
  if (!region.ok()) return region.status();
  const int recorded = (*region)->facts().numbers().pid.load();
  if ((*process)->inner_pid() != 0 && recorded != (*process)->inner_pid()) {
    // A child of fork has a copy of the agent's memory, which is nobody's.
    return absl::FailedPreconditionError(
        "process " + std::to_string(pid) + " is a child of the JVM " + std::to_string(recorded) +
        " (a number of its own pid namespace) and is not recorded; ask about the JVM");
  }
  LiveDescriptors descriptors(process->get(), region->get());
  if (const absl::Status status = descriptors.Open(); !status.ok()) return status;
  Snapshot snapshot;
  {
    // The kernel's socket tables are those of the thread that asks.
    const NamespaceVisit net(pid, "net");
    snapshot = TakeSnapshot(&descriptors);
  }
  if (const absl::Status status = (*region)->Settle(); !status.ok()) return status;
  ForcedReport report;
  report.pid = pid;
  report.note = descriptors.MissingDetails();
  report.content = Render(**region, snapshot,
                          (*process)->Describe((*region)->facts().Latest(FactKind::kHostName)),
                          WasRestored(**process, (*region)->facts().numbers()),
                          [&process](const Image& image, const std::string& path) {
                            return (*process)->FindFiles(image, path);
                          });
  return Finish(std::move(report));
}

absl::StatusOr<ForcedReport> ForceDumpCore(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<CoreFile>> core = CoreFile::Open(path);
  if (!core.ok()) return core.status();
  const absl::StatusOr<std::unique_ptr<RegionCopy>> region = RegionCopy::Make(core->get());
  if (!region.ok()) {
    if (!(*core)->cut_short()) return region.status();
    return absl::DataLossError((*core)->missing() + "; the agent's memory is not in it");
  }
  const FactStore& facts = (*region)->facts();
  const int pid = (*core)->pid() != 0 ? (*core)->pid() : facts.numbers().pid.load();
  CoreDescriptors descriptors(region->get(), pid);
  Snapshot snapshot = TakeSnapshot(&descriptors);
  snapshot.at_ns = (*core)->written_at_ns();
  ProcessFacts process;
  process.ppid = (*core)->parent();
  process.host_name = facts.Latest(FactKind::kHostName);
  for (FactText& word : facts.All(FactKind::kCommandWord)) {
    process.command_line.push_back(std::move(word.text));
  }
  if (const int64_t started = facts.numbers().started_at_ns.load(); started > 0) {
    process.started_at_ns = started;
  }
  ForcedReport report;
  report.pid = pid;
  if ((*core)->cut_short()) report.note = (*core)->missing();
  // Whatever is at an image's path now may be another file: only a build-id tells.
  report.content = Render(
      **region, snapshot, std::move(process), facts.numbers().restored.load() != 0,
      [](const Image& image, const std::string& file) {
        return NativeSymbolizer::Files{image.build_id_size > 0 ? file : "", ElfSymbols::kDebugRoot};
      });
  return Finish(std::move(report));
}

}  // namespace fdorigin
