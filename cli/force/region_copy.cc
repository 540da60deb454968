#include "force/region_copy.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "fdorigin_version.h"
#include "report/text.h"

namespace fdorigin {
namespace {

constexpr size_t kScanBytes = 1 << 20;
// The writable data of one library; larger mappings are no library's.
constexpr uint64_t kMaxDataBytes = 64ull << 20;
// The largest region that anybody asks for, and then some.
constexpr uint64_t kMaxRegionBytes = 64ull << 30;

absl::Status Damaged(const MemorySource& source) {
  return absl::DataLossError("the agent's memory in " + source.name() + " is damaged");
}

// The addresses that anchors in this range tell.
void ScanForAnchors(const MemorySource& source, const MappedRange& range,
                    std::vector<uint64_t>* addresses) {
  std::vector<char> buffer(kScanBytes);
  for (uint64_t at = range.low; at < range.high; at += kScanBytes) {
    const size_t bytes = std::min<uint64_t>(kScanBytes, range.high - at);
    if (!source.Read(at, bytes, buffer.data())) return;
    for (size_t i = 0; i + sizeof(RegionAnchor) <= bytes; i += alignof(RegionAnchor)) {
      if (std::memcmp(buffer.data() + i, kRegionAnchorMagic, sizeof(kRegionAnchorMagic)) != 0) {
        continue;
      }
      uint64_t address = 0;
      std::memcpy(&address, buffer.data() + i + offsetof(RegionAnchor, address), sizeof(address));
      if (address != 0) addresses->push_back(address);
    }
  }
}

// By the anchor in the data of a library, which is the agent's by its name, or by any other.
std::vector<uint64_t> FindAnchors(const MemorySource& source) {
  std::vector<uint64_t> addresses;
  for (const bool by_name : {true, false}) {
    for (const MappedRange& range : source.ranges()) {
      const bool named = range.file.find("libfdorigin") != std::string::npos;
      if (range.writable && !range.file.empty() && named == by_name &&
          range.high - range.low <= kMaxDataBytes) {
        ScanForAnchors(source, range, &addresses);
      }
    }
    if (!addresses.empty()) break;
  }
  return addresses;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RegionCopy>> RegionCopy::Make(const MemorySource* source) {
  const std::vector<uint64_t> addresses = FindAnchors(*source);
  if (addresses.empty()) {
    return absl::FailedPreconditionError("there is no fdorigin agent in " + source->name());
  }
  alignas(RegionHeader) char bytes[sizeof(RegionHeader)];
  const auto* header = reinterpret_cast<const RegionHeader*>(bytes);
  const auto is_region = [&](uint64_t address) {
    return source->Read(address, sizeof(bytes), bytes) &&
           std::memcmp(header->magic, kRegionMagic, sizeof(kRegionMagic)) == 0;
  };
  const auto found = std::find_if(addresses.begin(), addresses.end(), is_region);
  if (found == addresses.end()) {
    return absl::DataLossError("there is an fdorigin agent in " + source->name() +
                               ", but its memory is not there");
  }
  if (header->layout_version != kRegionLayoutVersion) {
    const std::string version(header->agent_version,
                              strnlen(header->agent_version, sizeof(header->agent_version)));
    return absl::FailedPreconditionError(
        "the agent in " + source->name() + " is of another version (" + ToPrintable(version) +
        ", memory layout " + std::to_string(header->layout_version) + ") than this command (" +
        FDORIGIN_VERSION + ", layout " + std::to_string(kRegionLayoutVersion) +
        "); use the command that came with it");
  }
  if (header->header_size != sizeof(RegionHeader) || header->address != *found ||
      header->size < sizeof(RegionHeader) || header->size > kMaxRegionBytes) {
    return Damaged(*source);
  }

  std::unique_ptr<RegionCopy> copy(new RegionCopy);
  copy->source_ = source;
  copy->address_ = *found;
  copy->size_ = header->size;
  void* memory = mmap(nullptr, copy->size_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return absl::ResourceExhaustedError("there is not enough memory");
  copy->memory_ = memory;
  copy->region_.Adopt(memory, copy->size_);
  copy->again_ = [made = copy.get()](RegionOffset at, size_t size) {
    return made->CopyAgain(at, size);
  };
  if (const absl::Status status = copy->CopyUsed(); !status.ok()) return status;
  Region* region = &copy->region_;
  copy->strings_.Open(region);
  copy->stacks_.Open(region);
  if (!copy->facts_.Open(region, &copy->strings_) || !copy->images_.Open(region) ||
      !copy->methods_.Open(region) || !copy->table_.Open(region)) {
    return Damaged(*source);
  }
  const bool whole = copy->table_.CopyAll(copy->again_, [&copy] { return copy->CopyUsed().ok(); });
  if (!whole) return Damaged(*source);
  return copy;
}

RegionCopy::~RegionCopy() {
  if (memory_ != nullptr) munmap(memory_, size_);
}

bool RegionCopy::CopyAgain(RegionOffset at, size_t bytes) {
  return at <= size_ && bytes <= size_ - at &&
         source_->Read(address_ + at, bytes, static_cast<char*>(memory_) + at);
}

absl::Status RegionCopy::CopyUsed() {
  if (!CopyAgain(0, sizeof(RegionHeader))) return Damaged(*source_);
  const uint64_t used = region_.header()->used.load(std::memory_order_relaxed);
  if (used < sizeof(RegionHeader) || used > size_ || !CopyAgain(0, used)) {
    return Damaged(*source_);
  }
  return absl::OkStatus();
}

std::optional<FdEntry> RegionCopy::Entry(int fd) {
  table_.Update(fd, again_);
  return table_.Copy(fd);
}

std::optional<FdEntry> RegionCopy::EarlierEntry(int fd) const {
  return table_.IsLocked(fd) ? std::nullopt : table_.Copy(fd);
}

std::vector<int> RegionCopy::Outdated(std::span<const int> numbers) {
  return table_.Outdated(numbers, again_);
}

absl::Status RegionCopy::Settle() {
  // An image is written in place when the loader has told more of it: two looks that agree.
  constexpr int kTries = 100;
  std::vector<Image> before;
  for (int tries = 0; tries < kTries; ++tries) {
    if (const absl::Status status = CopyUsed(); !status.ok()) return status;
    std::vector<Image> images = images_.All();
    if (tries > 0 && images == before) return absl::OkStatus();
    before = std::move(images);
  }
  return absl::UnavailableError(source_->name() + " loads and unloads libraries too fast");
}

}  // namespace fdorigin
