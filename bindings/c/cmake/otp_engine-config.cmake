# What find_package(otp_engine) reads. It makes otp_engine::otp_engine, the shared library, and otp_engine::static where
# the archive is installed. Both are looked for beside this file, which names no path: it lies in PREFIX/share/otp_engine/cmake.

get_filename_component(_otp_engine_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(_otp_engine_where
    PATHS "${_otp_engine_prefix}" NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH
    PATH_SUFFIXES "lib/${CMAKE_LIBRARY_ARCHITECTURE}" lib lib64 include)
find_path(OTP_ENGINE_INCLUDE_DIR otp_engine.h ${_otp_engine_where})
find_library(OTP_ENGINE_LIBRARY otp_engine ${_otp_engine_where})
find_library(OTP_ENGINE_ARCHIVE libotp_engine.a ${_otp_engine_where})
mark_as_advanced(OTP_ENGINE_INCLUDE_DIR OTP_ENGINE_LIBRARY OTP_ENGINE_ARCHIVE)

if(NOT OTP_ENGINE_INCLUDE_DIR OR NOT OTP_ENGINE_LIBRARY)
  set(otp_engine_FOUND FALSE)
  set(otp_engine_NOT_FOUND_MESSAGE "no otp_engine.h or no library below ${_otp_engine_prefix}")
  return()
endif()

if(NOT TARGET otp_engine::otp_engine)
  add_library(otp_engine::otp_engine UNKNOWN IMPORTED)
  set_target_properties(otp_engine::otp_engine PROPERTIES
    IMPORTED_LOCATION "${OTP_ENGINE_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${OTP_ENGINE_INCLUDE_DIR}")
endif()

# What Rust's standard library needs on Linux; what is not used goes, the socket functions among it.
if(OTP_ENGINE_ARCHIVE AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT TARGET otp_engine::static)
  add_library(otp_engine::static STATIC IMPORTED)
  set_target_properties(otp_engine::static PROPERTIES
    IMPORTED_LOCATION "${OTP_ENGINE_ARCHIVE}"
    INTERFACE_INCLUDE_DIRECTORIES "${OTP_ENGINE_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES "-Wl,--gc-sections;gcc_s;util;rt;pthread;m;dl;c")
endif()
