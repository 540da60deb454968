# fdorigin_embed(<target> <symbol> <file>)
#
# Puts the bytes of <file> into <target>, whose sources then have them as the std::string_view
# fdorigin::<symbol>(), declared in "embedded/<symbol>.h". The assembler reads the file when the
# target is built, again whenever it has changed. Where the build makes the file, the target must be
# of the folder that has the custom command.
set(FDORIGIN_EMBED_TEMPLATES "${CMAKE_CURRENT_LIST_DIR}")
function(fdorigin_embed target symbol file)
  cmake_path(ABSOLUTE_PATH file NORMALIZE)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/embedded-in-${target}")
  configure_file("${FDORIGIN_EMBED_TEMPLATES}/embedded.S.in" "${folder}/${symbol}.S" @ONLY)
  configure_file("${FDORIGIN_EMBED_TEMPLATES}/embedded.h.in" "${folder}/embedded/${symbol}.h" @ONLY)
  set_source_files_properties("${folder}/${symbol}.S" PROPERTIES OBJECT_DEPENDS "${file}")
  target_sources(${target} PRIVATE "${folder}/${symbol}.S")
  target_include_directories(${target} PRIVATE "${folder}")
endfunction()
