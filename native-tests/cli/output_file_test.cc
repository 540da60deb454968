// What a verb writes is whole or not there, and takes the place of nothing that it should not.
#include "output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "catch2/catch_test_macros.hpp"

namespace fdorigin {
namespace {

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(name_.data()) != nullptr); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(name_); }
  std::string operator/(const std::string& file) const { return name_ + "/" + file; }
  size_t size() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(name_), {}));
  }

 private:
  std::string name_ = "/tmp/fdorigin-output-XXXXXX";
};

std::string ContentOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("a file is overwritten only when that was asked for") {
  const Folder folder;
  const std::string path = folder / "a";
  CHECK(OutputFile{path}.Check().ok());
  CHECK(OutputFile{path}.Write("one").ok());
  CHECK(OutputFile{path}.Check().code() == absl::StatusCode::kAlreadyExists);
  CHECK(OutputFile{path, true}.Check().ok());
  CHECK(OutputFile{path, true}.Write("two").ok());
  CHECK(ContentOf(path) == "two");
  CHECK(folder.size() == 1);
}

TEST_CASE("a named pipe or a device stays what it is") {
  const Folder folder;
  const std::string path = folder / "device";
  std::filesystem::create_symlink("/dev/null", path);
  CHECK(OutputFile{path}.Check().ok());
  CHECK(OutputFile{path}.Write("gone").ok());
  CHECK(std::filesystem::is_symlink(path));
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(folder.size() == 1);
}

TEST_CASE("what cannot be written is an error of the user's, and leaves nothing") {
  const Folder folder;
  CHECK(OutputFile{folder / "no/such"}.Write("x").code() == absl::StatusCode::kInvalidArgument);
  std::filesystem::create_directory(folder / "sub");
  CHECK(OutputFile{folder / "sub", true}.Write("x").code() == absl::StatusCode::kInvalidArgument);
  CHECK(folder.size() == 1);
}

}  // namespace
}  // namespace fdorigin
